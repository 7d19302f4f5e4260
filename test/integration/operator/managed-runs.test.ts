// timeout: 300
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { MLBENCH_MANAGER } from "../../../crds/names.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { Stage, task } from "./stage.ts";

const managed = suite("runs that are not the operator's");
let stage: Stage;
managed.before(async () => {
  stage = await Stage.open();
});
managed.after(async () => {
  await stage.close();
});

const WORKERS: Pipeline["spec"] = {
  managedBy: MLBENCH_MANAGER,
  runName: "Worn-Mouse",
  tasks: [task("run", { resourceType: "Workers", numWorkers: 2, workers: { backend: "gloo", egressMbits: 100 } })],
};

managed("M-42: the operator gives a managed Pipeline no pod and no status", async () => {
  await stage.create("mlbench-7j", WORKERS);
  await stage.create("other-manager", { managedBy: "example.com/other", tasks: [task("a")] });
  // Made after those two, so whoever has taken this one up has seen them.
  await stage.create("own", { tasks: [task("a")] });
  await stage.pod("own", "a");
  await stage.succeed("own", "a");
  await stage.untilPhase("own", "DONE");
  await stage.stopOperator();
  await stage.startOperator();
  await stage.create("own2", { tasks: [task("a")] });
  await stage.pod("own2", "a");
  for (const name of ["mlbench-7j", "other-manager"]) {
    const { status, metadata } = await stage.get(name);
    assert.is(status, undefined, name);
    assert.is(metadata.generation, 1);
    assert.equal(await stage.pods(name), []);
  }
});

managed("M-42: what is run never changes, the manager and the name of the run included", async () => {
  const refused = async (spec: Partial<Pipeline["spec"]>): Promise<void> => {
    try {
      await stage.control("mlbench-7j", spec);
    } catch (error) {
      assert.ok(isKubeError(error, "invalid"), String(error));
      return;
    }
    assert.unreachable(JSON.stringify(spec));
  };
  await refused({ managedBy: "somebody" });
  await refused({ runName: "other" });
  await refused({ tasks: [task("run", { resourceType: "Workers", numWorkers: 3 })] });
  await stage.control("mlbench-7j", { cancel: true });
});

managed("Workers without a manager are refused with the reason", async () => {
  await stage.create("orphan", { tasks: [task("run", { resourceType: "Workers" })] });
  const { status } = await stage.untilPhase("orphan", "TERMINATED");
  assert.match(status?.message ?? "", "Workers is for runs that MLBench manages");
});

managed.run();
