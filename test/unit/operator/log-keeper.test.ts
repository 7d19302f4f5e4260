import { PassThrough, Readable } from "node:stream";
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { KubeError } from "../../../kube/errors.ts";
import type { CoreEvents } from "../../../operator/act/core-events.ts";
import { LogKeeper } from "../../../operator/act/log-keeper.ts";
import type { CachedRun } from "../../../operator/cached-run.ts";
import type { Caches } from "../../../operator/caches.ts";
import type { CachedPod } from "../../../operator/kinds/pod-state.ts";
import { makeMetrics } from "../../../operator/metrics.ts";
import type { LogArchive, LogOwner, LogState, LogText } from "../../../store/log-archive.ts";
import { StoreProblem } from "../../../store/store-problem.ts";
import { until, within } from "../../support/deadline.ts";

const test = suite("log keeper");
const WAIT_MS = 60_000;

interface Kept {
  state: LogState;
  text?: string;
  reason?: string;
}

/** A keeper with everything around it in the test's hands: what pods there are, what their nodes say, whether the store works. */
class Desk {
  readonly pods = new Map<string, CachedPod>();
  readonly runs = new Map<string, CachedRun>();
  readonly kept = new Map<string, Kept>();
  readonly told: string[] = [];
  readonly asked: string[] = [];
  readonly logLines: string[] = [];
  /** How a pod's node answers. */
  answers: (pod: string, follow: boolean) => Promise<Readable> = async () => Readable.from([]);
  broken = false;
  /** What the store fails with at each try, and when it was tried; monotonic. */
  fault: Error | undefined;
  readonly triedMs: number[] = [];
  /** Pods whose log the store cannot take, though it takes others. */
  readonly untakable = new Set<string>();
  /** Runs that are kept though their object is gone. */
  readonly outliving = new Set<string>();
  mostReads = 0;
  #reads = 0;
  readonly keeper: LogKeeper;

  constructor(patienceMs?: number, graceMs?: number) {
    const runMetadata = { name: "run", namespace: "ns", uid: "run-uid", resourceVersion: "1" };
    this.runs.set("ns/run", { metadata: runMetadata });
    const line = (_: object, message: string) => this.logLines.push(message);
    this.keeper = new LogKeeper({
      client: {
        stream: (path: string, options: { signal: AbortSignal }) => this.#open(path, options),
      } as unknown as KubeClient,
      caches: {
        pods: { get: (key: string) => this.pods.get(key), list: () => this.pods.values() },
        runs: { get: (key: string) => this.runs.get(key) },
      } as unknown as Caches,
      archive: {
        settled: async () => new Set(),
        save: (owner: LogOwner, { text, reason }: LogText, state: LogState) =>
          this.#keep(owner, { state, text: Buffer.from(text).toString(), ...(reason === undefined ? {} : { reason }) }),
        lose: (owner: LogOwner, reason: string, state: LogState) => this.#keep(owner, { state, reason }),
      } as unknown as LogArchive,
      events: {
        tell: (_: object, [event]: { message: string }[]) => this.told.push(event?.message ?? ""),
      } as unknown as CoreEvents,
      metrics: makeMetrics(new Registry()),
      ...(patienceMs === undefined ? {} : { patienceMs }),
      ...(graceMs === undefined ? {} : { graceMs }),
      outlives: (uid) => this.outliving.has(uid),
      logger: { debug: line, info: line, warn: line, error: line },
    });
  }

  pod(
    name: string,
    phase: CachedPod["state"]["phase"],
    more: { deleting?: boolean; started?: boolean; scheduled?: boolean } = {},
  ): CachedPod {
    const { deleting = false, started = true, scheduled = true } = more;
    const pod: CachedPod = {
      metadata: { name, namespace: "ns", uid: `uid-${name}`, resourceVersion: "1" },
      run: { uid: "run-uid", name: "run" },
      log: { container: "main", scheduled, started },
      state: {
        resource: POD,
        name,
        uid: `uid-${name}`,
        task: name,
        attempt: 1,
        createdAt: "",
        phase,
        deleting,
        gone: false,
      },
    };
    this.pods.set(`ns/${name}`, pod);
    this.keeper.podChanged("modified", pod);
    return pod;
  }

  remove(name: string): void {
    const pod = this.pods.get(`ns/${name}`);
    this.pods.delete(`ns/${name}`);
    if (pod) this.keeper.podChanged("deleted", pod);
  }

  async untilKept(name: string, state: LogState): Promise<Kept> {
    const found = await until(() => this.kept.get(name), WAIT_MS, {
      describe: `${name} is ${state}`,
      accept: (kept) => kept?.state === state,
      everyMs: 5,
    });
    return found ?? { state };
  }

  async #keep({ pod }: LogOwner, kept: Kept): Promise<void> {
    this.triedMs.push(performance.now());
    if (this.fault) throw this.fault;
    if (this.broken) throw new StoreProblem("full", "the store is full");
    if (this.untakable.has(pod) && kept.text !== undefined) throw new StoreProblem("internal", "no such column");
    this.kept.set(pod, kept);
  }

  async #open(
    path: string,
    { query, signal }: { query?: { follow?: boolean }; signal: AbortSignal },
  ): Promise<Readable> {
    const pod = path.split("/").at(-2) ?? "";
    this.asked.push(pod);
    this.#reads += 1;
    this.mostReads = Math.max(this.mostReads, this.#reads);
    const ended = new KubeError({ code: 0, reason: "Aborted", category: "aborted", message: "GET /x: aborted" });
    const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(ended)));
    aborted.catch(() => undefined);
    try {
      const stream = await Promise.race([this.answers(pod, query?.follow === true), aborted]);
      aborted.catch(() => stream.destroy(ended));
      return stream;
    } finally {
      this.#reads -= 1;
    }
  }
}

const text = (...lines: string[]): Readable => Readable.from(lines.map((line) => Buffer.from(`${line}\n`)));

function cutOff(line: string): Readable {
  const stream = new PassThrough();
  stream.write(`${line}\n`);
  setImmediate(() =>
    stream.destroy(new KubeError({ code: 0, reason: "x", category: "transient", message: "GET /x: no answer" })),
  );
  return stream;
}

async function withDesk(use: (desk: Desk) => Promise<void>, patienceMs?: number, graceMs?: number): Promise<void> {
  const desk = new Desk(patienceMs, graceMs);
  desk.keeper.begin();
  try {
    await within(WAIT_MS * 2, () => use(desk));
  } finally {
    await desk.keeper.stop();
  }
}

test("O-225: a log that breaks off is kept as far as it came, and read again", () =>
  withDesk(async (desk) => {
    let tries = 0;
    desk.answers = async () => (++tries === 1 ? cutOff("half") : text("half", "whole"));
    desk.pod("a", "Succeeded");
    assert.equal(await desk.untilKept("a", "partial"), { state: "partial", text: "half\n", reason: "no answer" });
    assert.equal(await desk.untilKept("a", "whole"), { state: "whole", text: "half\nwhole\n" });
    assert.is(tries, 2);
  }));

test("O-225: a container that never ran has no log, and that is no loss", () =>
  withDesk(async (desk) => {
    desk.pod("a", "Failed", { scheduled: false, started: false });
    assert.equal(await desk.untilKept("a", "none"), { state: "none", reason: "the container never started" });
    desk.pod("b", "Pending", { started: false });
    desk.remove("b");
    await desk.untilKept("b", "none");
    assert.equal([desk.asked, desk.told], [[], []]);
  }));

test("F-36: what cannot be stored waits with its pod, and a loss waits in memory; both are stored later", () =>
  withDesk(async (desk) => {
    desk.answers = async (pod) => text(pod);
    desk.broken = true;
    desk.pod("stays", "Succeeded");
    desk.pod("goes", "Succeeded");
    await until(() => desk.asked.length > 0, WAIT_MS, { describe: "a log was read" });
    desk.remove("goes");
    await until(() => desk.told.length === 1, WAIT_MS, { describe: "the loss is told" });
    assert.match(
      desk.told[0] ?? "",
      "the log of pod goes could not be kept: the pod was deleted before its log could be read",
    );
    assert.is(desk.logLines.filter((line) => line.startsWith("logs cannot be stored")).length, 1);
    desk.broken = false;
    assert.is((await desk.untilKept("stays", "whole")).text, "stays\n");
    await desk.untilKept("goes", "lost");
    assert.ok(desk.logLines.includes("the store works again"));
  }));

test("F-36: a loss that the store refuses is tried again though nothing else happens", () =>
  withDesk(async (desk) => {
    desk.broken = true;
    desk.pod("a", "Running");
    desk.remove("a");
    await until(() => desk.logLines.some((line) => line.includes("cannot be stored")), WAIT_MS, {
      describe: "the store has refused it",
    });
    desk.broken = false;
    await desk.untilKept("a", "lost");
    assert.is(desk.told.length, 1);
    assert.not.ok(desk.keeper.owes("run-uid"));
  }));

test("a loss whose recording fails for a fault of ours is tried again, with a pause", () =>
  withDesk(async (desk) => {
    desk.fault = new TypeError("not a function");
    desk.pod("a", "Running");
    desk.remove("a");
    await until(() => desk.triedMs.length >= 3, WAIT_MS, { describe: "it is tried again" });
    const [first = 0, second = 0, third = 0] = desk.triedMs;
    assert.ok(second - first > 900 && third - second > 900, String(desk.triedMs));
    desk.fault = undefined;
    await desk.untilKept("a", "lost");
  }));

test("O-225: many pods that are stopped at once are all read, a bounded number at a time", () =>
  withDesk(
    async (desk) => {
      const followed: PassThrough[] = [];
      desk.answers = async (pod, follow) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        if (!follow) return text(pod);
        const stream = new PassThrough();
        stream.write(`${pod}\n`);
        followed.push(stream);
        return stream;
      };
      const names = Array.from({ length: 100 }, (_, n) => `p${n}`);
      const pods = names.map((name) => desk.pod(name, "Running"));
      await Promise.all(pods.map((pod) => desk.keeper.beforeStop("ns", pod.state)));
      assert.equal(
        names.filter((name) => desk.kept.get(name)?.state !== "partial" || desk.kept.get(name)?.text !== `${name}\n`),
        [],
      );
      assert.is(followed.length, 16);
      assert.ok(desk.mostReads <= 24, String(desk.mostReads));
      assert.equal(desk.told, []);
      for (const stream of followed) stream.end("bye\n");
      await until(() => [...desk.kept.values()].filter(({ state }) => state === "whole").length === 16, WAIT_MS, {
        describe: "those that were followed are whole",
      });
      for (const name of names.slice(50)) desk.pod(name, "Failed", { deleting: true });
      await until(() => names.slice(50).every((name) => desk.kept.get(name)?.state === "whole"), WAIT_MS, {
        describe: "what ended is read again",
      });
      for (const name of names) desk.remove(name);
      assert.equal(desk.told, []);
      // So much time that a busy machine makes no difference.
    },
    undefined,
    WAIT_MS,
  ));

test("O-225: a pod that is stopped and whose node does not answer delays nothing for longer than its grace", () =>
  withDesk(async (desk) => {
    desk.answers = () => new Promise(() => undefined);
    const pod = desk.pod("a", "Running");
    await within(60_000, () => desk.keeper.beforeStop("ns", pod.state));
    assert.equal(desk.kept.size, 0);
  }));

test("O-225: a loss is told once, however often it is seen", () =>
  withDesk(async (desk) => {
    const owner = { namespace: "ns", pod: "a", runUid: "run-uid", run: "run", task: "a", attempt: 1 };
    for (let n = 0; n < 5; n++) desk.keeper.vanished(owner);
    await desk.untilKept("a", "lost");
    assert.is(desk.told.length, 1);
  }));

test("O-211: pods of a run that is gone, or going, are left alone", () =>
  withDesk(async (desk) => {
    const run = desk.runs.get("ns/run");
    if (run) desk.runs.set("ns/run", { metadata: { ...run.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    desk.pod("a", "Succeeded");
    desk.pod("b", "Running", { deleting: true });
    desk.runs.clear();
    desk.pod("c", "Succeeded");
    for (const name of ["a", "b", "c"]) desk.remove(name);
    desk.runs.set("ns/run", { metadata: { name: "run", namespace: "ns", uid: "another", resourceVersion: "2" } });
    desk.pod("d", "Succeeded");
    assert.equal([desk.asked, desk.kept.size, desk.told], [[], 0, []]);
  }));

test("O-225: logs of a run that is kept in the archive are kept after its object is gone", () =>
  withDesk(async (desk) => {
    desk.outliving.add("run-uid");
    desk.runs.clear();
    desk.answers = async () => text("last words");
    desk.pod("a", "Succeeded");
    assert.is((await desk.untilKept("a", "whole")).text, "last words\n");
    desk.pod("b", "Running");
    desk.remove("b");
    assert.is((await desk.untilKept("b", "lost")).reason, "the pod was deleted before its log could be read");
  }));

test("F-36: what is owed of a run, and for how long the oldest log has waited, is told until it is stored", () =>
  withDesk(async (desk) => {
    await until(() => !desk.keeper.owes("run-uid"), WAIT_MS, { describe: "it has looked at what there is" });
    assert.is(desk.keeper.lagSeconds, 0);
    desk.broken = true;
    desk.answers = async () => text("words");
    desk.pod("a", "Succeeded");
    await until(() => desk.logLines.some((line) => line.includes("cannot be stored")), WAIT_MS, {
      describe: "the store has refused it",
    });
    assert.ok(desk.keeper.lagSeconds > 0);
    assert.equal([desk.keeper.waiting, desk.keeper.owes("run-uid"), desk.keeper.owes("other")], [1, true, false]);
    desk.broken = false;
    await desk.untilKept("a", "whole");
    await until(() => !desk.keeper.owes("run-uid"), WAIT_MS, { describe: "nothing is owed" });
    assert.equal([desk.keeper.waiting, desk.keeper.lagSeconds], [0, 0]);
  }));

/** An answer of the API server where the node of a pod does not answer. */
const noNode = (): KubeError =>
  new KubeError({ code: 500, reason: "InternalError", category: "transient", message: "GET /x: connection refused" });

test("F-37: a log that its node does not give is lost after a time and holds nothing up; it is kept if it comes after all", () =>
  withDesk(async (desk) => {
    let answers = false;
    desk.answers = async () => {
      if (!answers) throw noNode();
      return text("late");
    };
    const pod = desk.pod("a", "Succeeded");
    assert.ok(desk.keeper.owes("run-uid"));
    const { reason = "" } = await desk.untilKept("a", "lost");
    assert.match(reason, /^given up after \d+ s: its node does not give it: connection refused$/);
    assert.not.ok(desk.keeper.owes("run-uid"), "its run may be deleted");
    assert.is(desk.keeper.lagSeconds, 0);
    assert.ok(desk.asked.length >= 3, `asked ${desk.asked.length} times`);
    assert.is(desk.told.length, 1);
    answers = true;
    desk.remove("a");
    assert.is(desk.told.length, 1, "told once");
    desk.pods.set("ns/a", pod);
    desk.keeper.podChanged("modified", pod);
    await desk.untilKept("a", "whole");
  }, 50));

test("F-37: without a bound on the patience a log is waited for as long as its pod is there", () =>
  withDesk(async (desk) => {
    desk.answers = async () => {
      throw noNode();
    };
    desk.pod("a", "Succeeded");
    await until(() => desk.asked.length >= 4, WAIT_MS, { describe: "it was asked for often" });
    assert.ok(desk.keeper.owes("run-uid"));
    assert.is(desk.kept.get("a"), undefined);
  }, 0));

test("F-36: a log that the store cannot take is lost after a time, and the others are kept meanwhile", () =>
  withDesk(async (desk) => {
    desk.untakable.add("bad");
    desk.answers = async () => text("x");
    desk.pod("bad", "Succeeded");
    await until(() => desk.asked.length > 0, WAIT_MS, { describe: "it was read" });
    desk.pod("good", "Succeeded");
    await desk.untilKept("good", "whole");
    assert.is(desk.kept.get("bad"), undefined);
    const { reason = "" } = await desk.untilKept("bad", "lost");
    assert.match(reason, /the store cannot take it: no such column/);
    assert.not.ok(desk.keeper.owes("run-uid"));
  }, 50));

test("O-225: a log that cannot be followed is not asked for without a pause, and does not hold its run up for ever", () =>
  withDesk(async (desk) => {
    desk.answers = async () => {
      throw noNode();
    };
    desk.pod("a", "Running", { deleting: true });
    await until(() => desk.asked.length >= 2, WAIT_MS, { describe: "it is followed again" });
    assert.ok(desk.asked.length <= 4, `asked ${desk.asked.length} times at once`);
    assert.not.ok(desk.keeper.owes("run-uid"), "its time is over");
  }, 50));

test("a stop ends what is being read, and nothing is called lost for it", async () => {
  const desk = new Desk();
  desk.keeper.begin();
  desk.answers = async () => new PassThrough();
  const { state } = desk.pod("a", "Running");
  void desk.keeper.beforeStop("ns", state);
  desk.pod("b", "Succeeded");
  await until(() => desk.asked.length === 2, WAIT_MS, { describe: "both are asked for" });
  await within(WAIT_MS, () => desk.keeper.stop());
  desk.remove("a");
  desk.remove("b");
  assert.equal(desk.told, []);
});

test.run();
