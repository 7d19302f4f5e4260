// timeout: 600, on demand
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { POD } from "../../../kube/core-resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import type { Fault, SeenRequest } from "../../integration/kube/fault.ts";
import { until } from "../../support/deadline.ts";
import { chain, task } from "../ground.ts";
import { faultCase } from "../row.ts";

const watches = suite("watches");

/** Silence counts as death after 90 s, because bookmarks may be a minute apart. */
const NOTICED_MS = 150_000;
const isWatch = ({ query }: SeenRequest) => query.get("watch") === "true";
const isList = (seen: SeenRequest) => seen.method === "GET" && seen.query.has("limit") && !isWatch(seen);
const EXPIRED = {
  type: "ERROR",
  object: { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Expired", code: 410, message: "too old" },
};
const FORWARD: Fault = { kind: "forward" };

faultCase(
  watches,
  "F-1",
  "a server that takes connections and says nothing, then one that refuses them",
  async (ground) => {
    ground.allowance.writes = 4;
    const { proxy, process } = await ground.start();
    ground.node.direct = () => "run";
    await ground.create("run", chain(3));
    await ground.untilRun("run", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
    ground.node.direct = () => "succeed";
    proxy.decide = () => ({ kind: "hang" });
    proxy.stallWatches();
    await ground.node.set("run--t0", "succeed");
    await proxy.shut();
    proxy.decide = () => FORWARD;
    await proxy.open();
    await ground.untilEnded("run");
    assert.ok(process.running);
  },
);

for (const [how, fault] of [
  ["inside the stream", { kind: "lines", lines: [JSON.stringify(EXPIRED)], end: true }],
  ["as HTTP 410", { kind: "answer", status: 410, body: JSON.stringify(EXPIRED.object) }],
] as const) {
  faultCase(
    watches,
    "F-2",
    `history that is gone, told ${how}, while a pod ends and a run is deleted`,
    async (ground) => {
      const { proxy } = await ground.start();
      ground.node.direct = () => "run";
      await ground.create("run", chain(2));
      await ground.create("gone", [task("a")]);
      await ground.untilRun("gone", "runs", ({ status }) => status?.tasks?.a?.state === "executing");
      await ground.untilRun("run", "runs", ({ status }) => status?.tasks?.t0?.state === "executing");
      const expired = new Set<string>();
      proxy.decide = (seen): Fault => {
        const path = seen.url.split("?")[0] ?? "";
        if (!isWatch(seen) || expired.has(path)) return FORWARD;
        expired.add(path);
        return { ...fault, ...("lines" in fault ? { lines: [...fault.lines] } : {}) } as Fault;
      };
      await proxy.shut();
      ground.node.direct = () => "succeed";
      await ground.delete("gone");
      await ground.node.set("run--t0", "succeed");
      await proxy.open();
      await ground.untilEnded("run");
      assert.ok(expired.size >= 2, [...expired].join());
    },
  );
}

faultCase(watches, "F-3", "half-open watches are noticed by their silence", async (ground) => {
  const { proxy } = await ground.start();
  ground.node.direct = () => "run";
  await ground.create("run", chain(2));
  await ground.untilRun("run", "is at t0", ({ status }) => status?.tasks?.t0?.state === "executing");
  proxy.stallWatches();
  ground.node.direct = () => "succeed";
  await ground.node.set("run--t0", "succeed");
  const lists = proxy.requests.filter(isList).length;
  await ground.untilEnded("run", "DONE", NOTICED_MS);
  assert.is(proxy.requests.filter(isList).length, lists, "watches are resumed, not listed anew");
});

faultCase(watches, "F-4", "watches are cut in the middle of a line, again and again", async (ground) => {
  const { proxy } = await ground.start();
  await ground.create("run", chain(6));
  for (let cuts = 0; cuts < 6; cuts++) {
    const before = proxy.requests.filter(isWatch).length;
    proxy.cutWatches('{"type":"MODIFIED","object":{"kind":"Pod","metadata":{"name":"r');
    await until(() => proxy.requests.filter(isWatch).length > before && proxy.watches > 0, 60_000, {
      describe: "a watch is resumed",
    });
  }
  await ground.untilEnded("run");
});

faultCase(watches, "F-4", "a run whose lines are almost as long as the server allows", async (ground) => {
  await ground.start();
  const args = Array.from({ length: 9 }, () => "ä".repeat(30_000));
  await ground.create("large", [{ ...task("a"), args }, task("b", "a")]);
  await ground.untilEnded("large");
});

faultCase(watches, "F-5", "lists are cut in the middle at the start", async (ground) => {
  const proxy = await ground.proxy();
  const cut = new Set<string>();
  proxy.decide = (seen): Fault => {
    const path = seen.url.split("?")[0] ?? "";
    if (!isList(seen) || cut.has(path)) return FORWARD;
    cut.add(path);
    return { kind: "cutBody", afterBytes: 60 };
  };
  await ground.create("run", chain(2));
  await ground.start();
  await ground.untilEnded("run");
  assert.ok(cut.size >= 2, [...cut].join());
});

faultCase(
  watches,
  "F-5",
  "watches that end as soon as they are open are not asked for without pause",
  async (ground) => {
    const proxy = await ground.proxy();
    proxy.decide = (seen) => (isWatch(seen) ? { kind: "lines", lines: [], end: true } : FORWARD);
    await ground.start();
    ground.node.direct = () => "succeed";
    await ground.create("run", chain(2));
    const before = proxy.requests.filter(isWatch).length;
    await new Promise((done) => setTimeout(done, 5_000));
    const asked = proxy.requests.filter(isWatch);
    const kinds = new Set(asked.map(({ url }) => url.split("?")[0])).size;
    assert.ok(asked.length - before < kinds * 15, `${asked.length - before} watches of ${kinds} kinds in 5 s`);
    proxy.decide = () => FORWARD;
    await ground.untilEnded("run");
  },
);

faultCase(watches, "F-8", "old versions of pods and of the run come again", async (ground) => {
  const { proxy } = await ground.start();
  ground.node.direct = () => "wait";
  const first = await ground.create("run", chain(2));
  const pending = await ground.untilPod("run--t0");
  await ground.node.set("run--t0", "succeed");
  await ground.untilRun("run", "is at t1", ({ status }) => status?.tasks?.t1?.state === "executing");
  const again = (): void => {
    for (const type of ["MODIFIED", "DELETED", "ADDED"]) {
      if (type !== "DELETED") proxy.inject(JSON.stringify({ type, object: pending }), /\/pods\?/);
      proxy.inject(JSON.stringify({ type: "MODIFIED", object: first }), /\/pipelines\?/);
    }
  };
  again();
  const pod = await ground.client.get(objectPath(POD, ground.namespace, "run--t1"));
  await ground.node.set("run--t1", "succeed");
  await ground.untilEnded("run");
  proxy.inject(JSON.stringify({ type: "MODIFIED", object: pod }), /\/pods\?/);
  again();
  // What follows in the same streams has been read after them.
  ground.node.direct = () => "succeed";
  await ground.create("next", [task("a")]);
  await ground.untilEnded("next");
});

faultCase(watches, "F-9", "everything is seen five seconds late", async (ground) => {
  const proxy = await ground.proxy();
  proxy.decide = (seen) => (isWatch(seen) ? { kind: "delay", ms: 5_000 } : FORWARD);
  await ground.start();
  await ground.create("run", [task("a"), task("b", "a"), task("c", "a")]);
  await ground.untilEnded("run");
});
watches.run();
