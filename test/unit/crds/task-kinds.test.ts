import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gpusOf, kindFactsOf, TASK_KINDS, taskKindOf } from "../../../crds/task-kinds.ts";

const kinds = suite("kinds of tasks");

kinds("O-137: names and aliases of kinds do not depend on case", () => {
  for (const kind of TASK_KINDS) {
    assert.is(taskKindOf(kind), kind);
    assert.is(taskKindOf(kind.toLowerCase()), kind);
    assert.is(taskKindOf(kind.toUpperCase()), kind);
  }
  assert.is(taskKindOf("PyTJob"), "PyTorchJob");
  assert.is(taskKindOf("PyTorchElastic"), "ElasticJob");
});

kinds("O-173: what tasks cannot be run as is no kind", () => {
  for (const other of ["Service", "Deployment", "ReplicaSet", "", "pods", "__proto__", "constructor"])
    assert.is(taskKindOf(other), undefined, other);
});

kinds("O-174: kinds other than Pod and Job are distributed, and say what must be installed", () => {
  for (const kind of TASK_KINDS) {
    const isBuiltIn = kind === "Pod" || kind === "Job";
    assert.is(kindFactsOf({ resourceType: kind }).isDistributed, !isBuiltIn, kind);
    assert.is(kindFactsOf({ resourceType: kind }).install === undefined, isBuiltIn, kind);
  }
});

kinds("O-131: a replica of a distributed kind has one GPU where the task does not say", () => {
  assert.is(gpusOf({}), 0);
  assert.is(gpusOf({ numGpus: 2 }), 2);
  assert.is(gpusOf({ resourceType: "Job" }), 0);
  assert.is(gpusOf({ resourceType: "PyTorchJob" }), 1);
  assert.is(gpusOf({ resourceType: "PyTorchJob", numGpus: 0 }), 0);
  assert.is(gpusOf({ resourceType: "MPIJob", numGpus: 4 }), 4);
});
kinds.run();
