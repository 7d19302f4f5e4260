// timeout: 1500
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { clockworkId } from "../../../crds/clockwork-id.ts";
import { KubeClient } from "../../../kube/client.ts";
import { NODE } from "../../../kube/core-resources.ts";
import { collectionPath, objectPath } from "../../../kube/resource.ts";
import { openStore, type StoreLocation } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { type RandomSource, randomSource } from "../../support/random.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { jobRecord } from "../../unit/store/job-records-cases.ts";
import { kubeConfig } from "../api/facade-stage.ts";
import { KillableApi } from "./killable-api.ts";
import { KINDS, type PlayedPod, playPod } from "./played-pods.ts";

/** Of each database's processes. */
const KILLS = 15;
/** On a loaded machine a process hardly comes to its work between two kills: then it is the last kill that is waited for. */
const WAIT_MS = 900_000;
const SEED = Number(process.env.SEED ?? "20261122");
const DAY_S = 24 * 3600;

interface Shown {
  slurm: { job_id: string; job_state: string; exit_code: string; start_time: number | null; end_time: number | null };
}

/** A database, the processes that write to it, and the process that is asked. */
interface Place {
  name: string;
  location: StoreLocation;
  apis: KillableApi[];
}

const test = suite("Clockwork under kill -9");
let namespace: TemporaryNamespace;
let directory: TemporaryDirectory;
let server: PostgresServer | undefined;
let client: KubeClient;
let token = "";
const places: Place[] = [];
const running: KillableApi[] = [];

function api(environment: Record<string, string>): KillableApi {
  const made = new KillableApi({
    ODIN_NAMESPACE: namespace.name,
    CLOCKWORK_NAMESPACES: namespace.name,
    ...environment,
  });
  running.push(made);
  return made;
}

/** What a process is told of a database on the server. */
async function database(from: PostgresServer): Promise<{ location: StoreLocation; env: Record<string, string> }> {
  const location = await from.database();
  const passwordFile = join(directory.path, "password");
  await writeFile(passwordFile, location.password ?? "", { mode: 0o600 });
  const url = `postgres://${location.user}@${location.host}:${location.port}/${location.database}`;
  return {
    location: { kind: "postgres", ...location },
    env: { ODIN_STORE: url, ODIN_STORE_PASSWORD_FILE: passwordFile },
  };
}

test.before(async () => {
  try {
    const opened = await PostgresServer.open();
    if ("cannot" in opened) skip("Clockwork under kill -9 with PostgreSQL", opened.cannot);
    else server = opened;
    namespace = await temporaryNamespace("killed");
    directory = await temporaryDirectory();
    client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
    // Pods of a node that is none would be removed.
    await client.create(collectionPath(NODE, undefined), {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: namespace.name },
    });
    const path = join(directory.path, "store.db");
    const first = api({ ODIN_STORE: path });
    await first.untilReady();
    token = await first.login();
    places.push({ name: "a file", location: { kind: "file", path }, apis: [first] });
    if (server === undefined) return;
    const { location, env } = await database(server);
    places.push({ name: "PostgreSQL", location, apis: [api(env), api(env)] });
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  for (const one of running) await one.end();
  await client?.delete(objectPath(NODE, undefined, namespace.name)).catch(() => undefined);
  client?.close();
  await server?.remove();
  await namespace?.remove();
  await directory?.remove();
});

/** What the jobs of a place are, by their ids, as one of its processes says. */
async function listed({ apis }: Place): Promise<Map<string, Shown["slurm"]>> {
  const one = apis.find(({ isReady, running }) => isReady && running);
  if (one === undefined) throw new Error("none of its processes is ready");
  const { status, text } = await one.ask(token, "/jobs/list");
  assert.is(status, 200, text);
  const jobs = JSON.parse(text) as Shown[];
  const byId = new Map(jobs.map(({ slurm }) => [slurm.job_id, slurm]));
  assert.is(byId.size, jobs.length, "no job is there twice");
  return byId;
}

/** Waits until every place shows of each pod what it should. */
async function untilAllShow(wanted: ReadonlyMap<PlayedPod, string>, what: string): Promise<void> {
  for (const place of places) {
    await until(
      async () => {
        const ids = await idsOf(place);
        const shown = await listed(place);
        return [...wanted].flatMap(([pod, state]) => {
          const is = shown.get(ids.get(pod.uid) ?? "")?.job_state;
          return is === state ? [] : [`the pod that ${pod.kind} is ${is}, not ${state}`];
        });
      },
      WAIT_MS,
      { describe: `${what} in ${place.name}`, accept: (wrong) => wrong.length === 0, everyMs: 200 },
    );
  }
}

/** The job of each pod, as the database has it: one for each. */
async function idsOf({ location }: Place): Promise<Map<string, string>> {
  const store = openStore(location);
  try {
    const ids = new Map<string, string>();
    for await (const { podUid, jobId } of store.jobs.list({})) {
      assert.not.ok(ids.has(podUid), `two jobs of ${podUid}`);
      ids.set(podUid, jobId);
    }
    return ids;
  } finally {
    await store.close();
  }
}

/** Kills a place's processes at moments of chance, also while they start, until each of its kills is done. */
async function killAll({ apis }: Place, random: RandomSource, signal: AbortSignal): Promise<void> {
  for (let kills = 0; kills < KILLS && !signal.aborted; kills++) {
    const victim = random.pick(apis);
    // Most are killed at work, some before they have begun.
    if (random.integer(1, 4) > 1) await victim.untilReady();
    await pause(random.integer(0, 900));
    await victim.kill();
  }
}

/** Moves every pod on by turns of chance, and returns what the job of each shows then. */
async function play(pods: readonly PlayedPod[], random: RandomSource): Promise<Map<PlayedPod, string>> {
  const shown = new Map<PlayedPod, string>();
  const left = pods.map((pod) => ({ pod, steps: [...pod.steps] }));
  while (left.length > 0) {
    const one = random.pick(left);
    const step = one.steps.shift();
    if (step === undefined) left.splice(left.indexOf(one), 1);
    else shown.set(one.pod, await step());
    await pause(random.integer(0, 40));
  }
  return shown;
}

test("C-80, C-81, C-82: however often a process is killed, each pod has one job, no state that was there is missed, and its end is the right one", async () => {
  const random = randomSource(SEED);
  const stop = new AbortController();
  const killers = places.map((place, n) => killAll(place, randomSource(SEED + n + 1), stop.signal));
  let killing = true;
  const killed = Promise.all(killers).finally(() => {
    killing = false;
  });
  killed.catch(() => undefined);
  const ends = new Map<PlayedPod, { state: string; exitCode: string }>();
  try {
    for (let wave = 0; killing || wave < 2; wave++) {
      const pods: PlayedPod[] = [];
      for (const [n, kind] of KINDS.entries()) {
        pods.push(await playPod(client, namespace.name, `p-${wave}-${n}`, kind));
      }
      await untilAllShow(await play(pods, random), `wave ${wave} of seed ${SEED} as far as it goes`);
      while (pods.length > 0) {
        const [pod] = pods.splice(random.integer(0, pods.length - 1), 1);
        if (pod !== undefined) ends.set(pod, await pod.end());
        await pause(random.integer(0, 60));
      }
      await untilAllShow(
        new Map([...ends].map(([pod, { state }]) => [pod, state])),
        `the end of wave ${wave} of seed ${SEED}`,
      );
    }
    await killed;
  } finally {
    stop.abort();
    await killed.catch(() => undefined);
  }
  for (const place of places) {
    assert.is(
      place.apis.reduce((sum, { kills }) => sum + kills, 0),
      KILLS,
    );
    await Promise.all(place.apis.map((one) => one.untilReady()));
    const ids = await idsOf(place);
    assert.equal([...ids.keys()].sort(), [...ends.keys()].map(({ uid }) => uid).sort());
    const shown = await until(() => listed(place), WAIT_MS, { describe: `${place.name} answers` });
    for (const [{ uid, kind }, { state, exitCode }] of ends) {
      const job = shown.get(ids.get(uid) ?? "");
      assert.is(job?.job_state, state, `${place.name}: ${kind}`);
      assert.ok(job?.end_time, `${place.name}: ${kind}`);
      assert.is(job?.exit_code, exitCode, `${place.name}: ${kind}`);
      if (["succeeds", "fails"].includes(kind)) {
        assert.is(job?.job_id, clockworkId(uid));
        assert.ok(job?.start_time, kind);
      }
    }
  }
});

test("C-85: two processes that purge one database at once remove each old job once, and nothing else", async () => {
  if (server === undefined) return;
  const OLD = 2_600;
  const { location, env } = await database(server);
  const store = openStore(location);
  try {
    const endTime = Math.floor(Date.now() / 1000) - 20 * DAY_S;
    const old = Array.from({ length: OLD }, (_, n) => jobRecord(n, { endTime }));
    for (let at = 0; at < OLD; at += 200) await store.jobs.upsert(old.slice(at, at + 200));
    await store.jobs.upsert([jobRecord(OLD + 1, { endTime: endTime + 15 * DAY_S })]);
    const note = { email: "ada@example.org", jobId: "1", clusterName: "main" };
    await store.userData.setProps(note, '{"kept":1}', 1e9);
    const both = [1, 2].map(() =>
      api({ ...env, CLOCKWORK_RETENTION_DAYS: "10", CLOCKWORK_NAMESPACES: "where-nothing-is" }),
    );
    const removed = (): number =>
      both.reduce((sum, { output }) => {
        const said = output.split("\n").filter((line) => line.includes("removed old jobs"));
        return sum + said.reduce((one, line) => one + Number(/"jobs":(\d+)/.exec(line)?.[1]), 0);
      }, 0);
    await until(removed, WAIT_MS, { describe: "all is removed", accept: (jobs) => jobs >= OLD });
    assert.is(removed(), OLD);
    const left: string[] = [];
    for await (const { podUid } of store.jobs.list({})) left.push(podUid);
    assert.equal(left, [jobRecord(OLD + 1).podUid]);
    assert.is(await store.userData.props(note), '{"kept":1}');
  } finally {
    await store.close();
  }
});

test.run();
