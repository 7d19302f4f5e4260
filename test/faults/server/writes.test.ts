import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { objectPath } from "../../../kube/resource.ts";
import type { Fault, SeenRequest } from "../../integration/kube/fault.ts";
import { until } from "../../support/deadline.ts";
import { chain, type Ground, type ProxiedOperator, task } from "../ground.ts";
import { faultCase } from "../row.ts";

const writes = suite("writes");

const isPodCreation = ({ method, url }: SeenRequest) => method === "POST" && /\/pods(\?|$)/.test(url);
const isStatusWrite = ({ method, url }: SeenRequest) => method === "PATCH" && /\/pipelines\/[^/]+\/status/.test(url);
const isPodDeletion = ({ method, url }: SeenRequest) => method === "DELETE" && /\/pods/.test(url);

/** Kills the operator the moment the server has answered the `nth` request of this sort, before it can read the answer; then starts it anew. */
async function killedAt(
  ground: Ground,
  { proxy, process }: ProxiedOperator,
  wanted: (seen: SeenRequest) => boolean,
  nth: number,
): Promise<void> {
  let count = 0;
  let killed: Promise<unknown> | undefined;
  proxy.decide = (seen): Fault => {
    if (!wanted(seen) || ++count !== nth) return { kind: "forward" };
    const act = async (): Promise<void> => {
      killed = process.end("SIGKILL");
      await killed;
    };
    return { kind: "beforeAnswer", act };
  };
  await until(() => killed !== undefined, 60_000, { describe: `request ${nth} of its sort` });
  await killed;
  proxy.decide = () => ({ kind: "forward" });
  await ground.start();
}

for (const nth of [1, 3]) {
  faultCase(writes, "F-6", `killed before it could read that pod ${nth} of a chain was made`, async (ground) => {
    ground.allowance.writes = 2;
    const operator = await ground.start();
    const killed = killedAt(ground, operator, isPodCreation, nth);
    await ground.create("run", chain(4));
    await killed;
    await ground.untilEnded("run");
  });
}

faultCase(writes, "F-6", "killed while the answers to many creations were under way", async (ground) => {
  ground.allowance.writes = 4;
  const { proxy, process } = await ground.start();
  ground.node.direct = () => "run";
  const held = proxy.holdAnswers(isPodCreation, (nth) => nth > 3);
  await ground.create(
    "run",
    Array.from({ length: 30 }, (_, i) => task(`t${i}`)),
  );
  await until(() => held.size >= 20, 60_000, { describe: "creations that the server has carried out are unanswered" });
  await process.end("SIGKILL");
  held.letGo();
  ground.node.direct = () => "succeed";
  await ground.start();
  await until(async () => (await ground.pods()).length === 30, 90_000, { describe: "all pods are there" });
  for (const { metadata } of await ground.pods()) await ground.node.set(metadata.name, "succeed");
  const { status } = await ground.untilEnded("run");
  assert.is(status?.progress, "30/30");
});

for (const nth of [1, 2, 3]) {
  faultCase(writes, "F-7", `killed before it could read the answer to status write ${nth}`, async (ground) => {
    ground.allowance.writes = 4;
    const operator = await ground.start();
    ground.node.direct = () => "run";
    const killed = killedAt(ground, operator, isStatusWrite, nth);
    await ground.create("run", chain(4));
    // One task at a time, each after it was recorded, so that there are that many writes.
    for (const { name } of chain(4)) {
      await ground.untilRun("run", `${name} runs`, ({ status }) => status?.tasks?.[name]?.state === "executing");
      await ground.node.set(`run--${name}`, "succeed");
    }
    await killed;
    await ground.untilEnded("run");
  });
}

faultCase(writes, "F-10", "somebody else changes the run all the time", async (ground) => {
  ground.allowance.writes = 40;
  await ground.start();
  await ground.create("run", chain(6));
  let foreign = 0;
  let going = true;
  const path = objectPath(PIPELINE, ground.namespace, "run");
  const writer = (async () => {
    while (going) {
      foreign += 1;
      await ground.client.patch(path, "merge", { metadata: { annotations: { "test/n": String(foreign) } } });
    }
  })();
  try {
    await ground.untilEnded("run");
  } finally {
    going = false;
    await writer;
  }
  const { annotations } = (await ground.get("run")).metadata;
  assert.is(annotations?.["test/n"], String(foreign), "the other's last change is there");
  assert.ok(foreign > 3, `${foreign} foreign writes`);
});

faultCase(writes, "F-17", "the answers of pod creations and status writes are lost", async (ground) => {
  ground.allowance.writes = 12;
  const { proxy } = await ground.start();
  let dropped = 0;
  proxy.decide = (seen): Fault => {
    if ((!isPodCreation(seen) && !isStatusWrite(seen)) || dropped >= 5) return { kind: "forward" };
    dropped += 1;
    return { kind: "dropAnswer" };
  };
  await ground.create("run", [task("a"), task("b"), task("c", "a", "b")]);
  await ground.untilEnded("run");
  assert.is(dropped, 5);
});

for (const status of [500, 503, 504]) {
  faultCase(writes, "F-17", `HTTP ${status} for every second write`, async (ground) => {
    ground.allowance.writes = 20;
    const { proxy } = await ground.start();
    let count = 0;
    const body = JSON.stringify({
      kind: "Status",
      status: "Failure",
      code: status,
      message: "etcdserver: leader changed",
    });
    proxy.decide = (seen): Fault => {
      const isWrite = isPodCreation(seen) || isStatusWrite(seen) || isPodDeletion(seen);
      return isWrite && ++count % 2 === 1 ? { kind: "answer", status, body } : { kind: "forward" };
    };
    await ground.create("run", chain(3));
    await ground.untilEnded("run");
    assert.ok(count >= 6, `${count} writes`);
  });
}
writes.run();
