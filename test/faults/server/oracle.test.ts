import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PIPELINE } from "../../../crds/resources.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { chain, Ground, task } from "../ground.ts";

// The other files trust that the oracle finds nothing. This one does what must never happen and has it find that in a real audit log.

const oracle = suite("the oracle on a real audit log");

oracle("finds each thing that must not happen once it has happened, and nothing before", async () => {
  const ground = await Ground.open();
  try {
    await ground.start();
    await ground.create("good", chain(3));
    await ground.untilEnded("good");
    assert.equal(await ground.found(), []);

    const pod = await ground.client.get<KubeObject & { spec: object }>(objectPath(POD, ground.namespace, "good--t0"));
    const { labels, annotations, ownerReferences } = pod.metadata;
    const copy = { labels, annotations, ownerReferences };
    const spec = { containers: [{ name: "main", image: "i" }] };
    await ground.client.create(collectionPath(POD, ground.namespace), { metadata: { ...copy, name: "second" }, spec });
    const status = { tasks: { t0: { state: "executed", message: "changed afterwards" } }, counts: { executed: 2 } };
    await ground.client.patch(objectPath(PIPELINE, ground.namespace, "good", "status"), "merge", { status });
    const found = (await ground.found()).join("\n");
    assert.match(found, /I-1: attempt 1 at t0 of run .* got 2 pods/);
    assert.match(found, /I-3: the record of t0 of good changed/);
    assert.match(found, /I-6: good at version \d+ counts 2 executed, its records 3/);

    ground.node.direct = () => "run";
    await ground.create("early", [task("a"), task("b", "a")]);
    const first = await ground.untilPod("early--a");
    const early = {
      name: "early--b",
      ownerReferences: first.metadata.ownerReferences,
      annotations: { ...first.metadata.annotations, "odin.io/task": "b" },
    };
    await ground.client.create(collectionPath(POD, ground.namespace), { metadata: early, spec });
    assert.match((await ground.found()).join("\n"), /I-2: pod early--b was made before a was known to have succeeded/);
  } catch (error) {
    ground.tell();
    throw error;
  } finally {
    await ground.close();
  }
});
oracle.run();
