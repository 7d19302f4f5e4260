import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Task } from "../../../crds/generated/types.ts";
import { objectName } from "../../../crds/names.ts";
import { TASK_KIND_FACTS, type TaskKind } from "../../../crds/task-kinds.ts";
import type { Resource } from "../../../kube/resource.ts";
import { FORMS } from "../../../operator/kinds/forms.ts";
import { until } from "../../support/deadline.ts";
import {
  elasticDefinition,
  mpiDefinition,
  trainingDefinitions,
  whyNoDefinitions,
} from "../../support/kind-definitions.ts";
import { skip } from "../../support/skip.ts";
import { FacadeStage } from "../api/facade-stage.ts";
import {
  accountWithoutKinds,
  condition,
  KindStage,
  type Replicas,
  resourceOf,
  type TaskObject,
  type Template,
} from "./kind-stage.ts";
import { Stage, task } from "./stage.ts";

const WAIT_MS = 180_000;
const PYTORCH = resourceOf("PyTorchJob");
const INSTALLED = ["pytorchjobs", "tfjobs", "mpijobs"].map((plural) => `${plural}.kubeflow.org`);
const ELASTIC = "elasticjobs.elastic.pytorch.org";
const kinds = suite("kinds of other operators");
let stage: Stage;
let others: KindStage;
let facade: FacadeStage;
const why = await whyNoDefinitions();

kinds.before(async () => {
  stage = await Stage.open({}, undefined, { lookEveryMs: 2_000 });
  others = new KindStage(stage);
  facade = await FacadeStage.open();
});

kinds.after(async () => {
  try {
    await others.uninstall(...INSTALLED, ELASTIC);
  } catch (error) {
    console.error(error);
  }
  await facade?.close();
  await stage?.close();
});

function distributed(name: string, resourceType: TaskKind, more: Partial<Task> = {}): Task {
  return task(name, { resourceType, numGpus: 0, ...more });
}

/** A task that asks for everything. */
const FULL: Task = {
  ...task("full"),
  numWorkers: 2,
  numGpus: 2,
  cpu: { limits: "1", requests: "500m" },
  memory: { limits: "1Gi" },
  mounts: [
    { name: "data", path: "/data", claim: "data" },
    { name: "scratch", path: "/scratch" },
  ],
  ephemVolumes: [{ name: "scratch", type: "emptyDir", medium: "Memory", sizeLimit: "1Gi" }],
  secrets: [{ name: "secret", path: "/secret", subPath: "key", mode: 0o400 }],
  configMaps: [{ name: "config", path: "/config" }],
  nodeSelector: { zone: "a" },
  tolerations: [{ key: "gpu", operator: "Exists", effect: "NoSchedule" }],
  securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000 },
};

/** The pods that an operator would make of an object: what each is made from, and the end of its name; the one that speaks first. */
type Roles = (spec: TaskObject["spec"]) => [role: Replicas | undefined, suffix: string][];

if (why !== undefined) skip("file", why);
else {
  kinds(
    "O-174: a kind that the cluster does not serve ends the run before its first task, and the message says what to install",
    async () => {
      for (const resourceType of ["PyTorchJob", "TFJob", "MPIJob", "ElasticJob"] as const) {
        const name = `unserved-${resourceType.toLowerCase()}`;
        await stage.create(name, { tasks: [task("a"), distributed("b", resourceType, { depends: ["a"] })] });
        const run = await others.ended(name);
        assert.is(run.status?.phase, "TERMINATED");
        assert.is(run.status?.reason, "KindNotServed");
        assert.match(
          run.status?.message ?? "",
          new RegExp(`task b: this cluster does not serve ${resourceType}; install the `),
        );
        assert.equal(await stage.pods(name), []);
      }
    },
  );

  kinds(
    "O-173, O-174: a launch over REST is refused while the cluster does not serve a kind, and leaves nothing behind",
    async () => {
      await facade.applyJob("training", { tasks: [task("a"), distributed("b", "PyTorchJob")] });
      const launched = await facade.call("POST", "/v1/pipelines", { pipeline: { job: "training" } });
      assert.is(launched.status, 422, launched.text);
      const [error] = launched.json.errors as { path: string; detail: string }[];
      assert.is(error?.path, "tasks[1].resourceType");
      assert.match(
        error?.detail ?? "",
        /^task b: this cluster does not serve PyTorchJob; install the Kubeflow training operator/,
      );
      assert.equal((await facade.get("/v1/pipelines")).json.pipelines, []);
    },
  );

  kinds("O-174: a definition that is installed later is used without a restart", async () => {
    await others.install(...(await trainingDefinitions("pytorchjobs", "tfjobs")));
    await stage.create("later", { tasks: [distributed("a", "PyTorchJob")] });
    await others.object(PYTORCH, "later--a");
    const run = await stage.untilRun("later", "a executes", (run) => run.status?.tasks?.a?.state === "executing");
    // No pods and no conditions yet is no error.
    assert.is(run.status?.tasks?.a?.reason, undefined);
  });

  kinds("O-166, O-169, O-170: what is sent has no field that the released schemas do not know", async () => {
    for (const form of [FORMS.Pod[0], FORMS.Job[0], FORMS.PyTorchJob[0], FORMS.TFJob[0], FORMS.ElasticJob[1]])
      await others.checkStrictly(form, FULL);
  });

  kinds("O-174: the same launch is taken once the kind is served", async () => {
    const id = await facade.launch("training");
    assert.match(id, /^training-[0-9a-z]{8}j$/);
  });

  kinds(
    "O-169, O-131, O-138: a PyTorchJob has one master and its workers, each with one GPU where the task does not say",
    async () => {
      const { numGpus: _, ...train } = distributed("a", "PyTorchJob", { numWorkers: 3, args: ["--run", "${PIPE_ID}"] });
      await stage.create("torch", { tasks: [train] });
      const { spec } = await others.object(PYTORCH, "torch--a");
      assert.equal(shape(spec.pytorchReplicaSpecs), {
        Master: { replicas: 1, restartPolicy: "Never", container: "pytorch", gpus: 1 },
        Worker: { replicas: 3, restartPolicy: "Never", container: "pytorch", gpus: 1 },
      });
      assert.equal(spec.pytorchReplicaSpecs?.Worker?.template.spec.containers[0]?.args, ["--run", "torch"]);
    },
  );

  /** What tests compare of replicas. */
  const shape = (replicas: Record<string, Replicas> | undefined): unknown =>
    Object.fromEntries(
      Object.entries(replicas ?? {}).map(([role, { replicas: count, restartPolicy, template }]) => [
        role,
        {
          replicas: count,
          restartPolicy,
          container: template.spec.containers[0]?.name,
          gpus: template.spec.containers[0]?.resources?.limits?.["nvidia.com/gpu"] ?? 0,
        },
      ]),
    );

  /** Starts a run of one task of a kind, makes a pod for each role, and returns the object with the pods' names. */
  async function begin(
    run: string,
    kind: TaskKind,
    resource: Resource,
    roles: Roles,
  ): Promise<{ object: TaskObject; pods: string[] }> {
    await stage.create(run, { tasks: [distributed("a", kind, { numWorkers: 2 })] });
    const object = await others.object(resource, `${run}--a`);
    const pods: string[] = [];
    for (const [role, suffix] of roles(object.spec)) {
      assert.ok(role, `there is a role for ${suffix}`);
      pods.push(await others.makePod(object, resource, role.template, suffix));
    }
    await others.setStatus(resource, object.metadata.name, {
      conditions: [condition("Created"), condition("Running")],
    });
    await stage.untilRun(run, "a executes", ({ status }) => status?.tasks?.a?.state === "executing");
    return { object, pods };
  }

  /** One success and one failure of a kind: conditions decide, the speaker's result counts, the culprit's words are told. */
  async function successAndFailure(name: string, kind: TaskKind, resource: Resource, roles: Roles): Promise<void> {
    const good = await begin(`${name}-good`, kind, resource, roles);
    // The last pod's end is not the task's: the object has not said so.
    const [speaker = "", ...rest] = good.pods;
    for (const pod of rest) await others.endPod(pod, 0, '{"outputs":{"from":"another"}}');
    const still = await stage.get(`${name}-good`);
    assert.is(still.status?.tasks?.a?.state, "executing", JSON.stringify(still.status));
    await others.endPod(speaker, 0, '{"outputs":{"from":"the one that speaks"}}');
    await others.setStatus(resource, good.object.metadata.name, {
      conditions: [condition("Created"), condition("Running"), condition("Succeeded")],
    });
    const done = await others.ended(`${name}-good`);
    assert.is(done.status?.phase, "DONE", JSON.stringify(done.status));
    assert.is(done.status?.tasks?.a?.result, '{"outputs":{"from":"the one that speaks"}}');
    assert.is(done.status?.tasks?.a?.pod, `${name}-good--a`);
    const bad = await begin(`${name}-bad`, kind, resource, roles);
    const culprit = bad.pods.at(-1) ?? "";
    await others.endPod(culprit, 7);
    assert.is((await stage.get(`${name}-bad`)).status?.tasks?.a?.state, "executing");
    await others.setStatus(resource, bad.object.metadata.name, {
      conditions: [condition("Created"), condition("Running"), condition("Failed")],
    });
    const failed = await others.ended(`${name}-bad`);
    assert.is(failed.status?.phase, "TERMINATED");
    assert.is(failed.status?.tasks?.a?.exitCode, 7);
    assert.is(failed.status?.tasks?.a?.message, `Error, exit code 7 (pod ${culprit})`);
  }

  kinds(
    "O-169, O-174, O-205: a PyTorchJob succeeds and fails by its own conditions; the master's result counts",
    async () => {
      await successAndFailure("pt", "PyTorchJob", PYTORCH, ({ pytorchReplicaSpecs: roles }) => [
        [roles?.Master, "master-0"],
        [roles?.Worker, "worker-0"],
        [roles?.Worker, "worker-1"],
      ]);
    },
  );

  kinds("O-170, O-174, O-205: a TFJob has workers only; the first one's result counts", async () => {
    await successAndFailure("tf", "TFJob", resourceOf("TFJob"), ({ tfReplicaSpecs: roles }) => {
      assert.equal(shape(roles), { Worker: { replicas: 2, restartPolicy: "Never", container: "tensorflow", gpus: 0 } });
      return [
        [roles?.Worker, "worker-0"],
        [roles?.Worker, "worker-1"],
      ];
    });
  });

  kinds("O-183: an object that fails without a failed pod gives its own reason and message", async () => {
    await stage.create("no-culprit", { tasks: [distributed("a", "PyTorchJob")] });
    await others.object(PYTORCH, "no-culprit--a");
    await others.setStatus(PYTORCH, "no-culprit--a", {
      conditions: [condition("Failed", "DeadlineExceeded", "it took too long")],
    });
    const run = await others.ended("no-culprit");
    assert.equal(
      [run.status?.tasks?.a?.reason, run.status?.tasks?.a?.message],
      ["DeadlineExceeded", "it took too long"],
    );
  });

  kinds("O-185: an object that is suspended says so and goes on when it is not", async () => {
    await stage.create("queued", { tasks: [distributed("a", "PyTorchJob")] });
    await others.object(PYTORCH, "queued--a");
    await others.setStatus(PYTORCH, "queued--a", { conditions: [condition("Suspended", "Suspended", "by a queue")] });
    const run = await stage.untilRun(
      "queued",
      "it says why",
      ({ status }) => status?.tasks?.a?.reason === "ObjectSuspended",
    );
    assert.is(run.status?.tasks?.a?.message, "ObjectSuspended: by a queue");
    await others.setStatus(PYTORCH, "queued--a", { conditions: [condition("Running")] });
    await stage.untilRun("queued", "it runs", ({ status }) => status?.tasks?.a?.reason === undefined);
    await others.setStatus(PYTORCH, "queued--a", { conditions: [condition("Succeeded")] });
    assert.is((await others.ended("queued")).status?.phase, "DONE");
  });

  kinds("O-174: an operator that may not list a kind lets its tasks wait, says so, and runs all others", async () => {
    const account = await accountWithoutKinds(stage.client);
    const limited = await Stage.open({}, undefined, { operator: account.config });
    try {
      await limited.create("rights", { tasks: [task("a"), distributed("b", "PyTorchJob")] });
      await limited.succeed("rights", "a");
      const run = await limited.untilRun("rights", "b says why, a is executed", ({ status }) => {
        const { a, b } = status?.tasks ?? {};
        return a?.state === "executed" && b?.reason === "KindNotWatched";
      });
      assert.match(run.status?.tasks?.b?.message ?? "", /^the operator may not list pytorchjobs\.kubeflow\.org; give/);
    } finally {
      await limited.close();
      await account.remove();
    }
  });

  kinds(
    "O-144: a failed PyTorchJob is tried again as another object; its pods are not mistaken for the next one's",
    async () => {
      await stage.create("again", { tasks: [distributed("a", "PyTorchJob", { retries: 1 })] });
      const first = await others.object(PYTORCH, "again--a");
      const master = (object: TaskObject): Template => {
        const template = object.spec.pytorchReplicaSpecs?.Master?.template;
        if (template === undefined) throw new Error(`${object.metadata.name} has no master`);
        return template;
      };
      await others.endPod(await others.makePod(first, PYTORCH, master(first), "master-0"), 3);
      await others.setStatus(PYTORCH, "again--a", { conditions: [condition("Failed")] });
      const second = await others.object(PYTORCH, "again--a-r1");
      const run = await stage.untilRun(
        "again",
        "a executes again",
        ({ status }) => status?.tasks?.a?.pod === "again--a-r1",
      );
      assert.equal([run.status?.tasks?.a?.state, run.status?.tasks?.a?.attempt], ["executing", 2]);
      await others.endPod(await others.makePod(second, PYTORCH, master(second), "master-0"), 0, '{"try":2}');
      await others.setStatus(PYTORCH, "again--a-r1", { conditions: [condition("Succeeded")] });
      const done = await others.ended("again");
      assert.equal([done.status?.phase, done.status?.tasks?.a?.result], ["DONE", '{"try":2}']);
    },
  );

  kinds("O-143: a PyTorchJob that takes too long is deleted", async () => {
    await stage.create("slow", { tasks: [distributed("a", "PyTorchJob", { timeout: 1 })] });
    const run = await others.ended("slow");
    assert.is(run.status?.tasks?.a?.reason, "Timeout", JSON.stringify(run.status));
    assert.ok(await others.isGone(PYTORCH, "slow--a"));
  });

  kinds("O-146, O-210: fail_fast and cancel delete the objects of other kinds", async () => {
    await stage.create("fast", { failFast: true, tasks: [task("bad"), distributed("a", "PyTorchJob")] });
    await others.object(PYTORCH, "fast--a");
    await stage.untilRun("fast", "a executes", ({ status }) => status?.tasks?.a?.state === "executing");
    await stage.fail("fast", "bad", 1);
    const run = await others.ended("fast");
    assert.is(run.status?.tasks?.a?.reason, "FailFast");
    assert.ok(await others.isGone(PYTORCH, "fast--a"));
  });

  kinds("O-13: a run whose name is no DNS label gives its distributed object a name that is one", async () => {
    await stage.create("3.dots", { tasks: [distributed("a", "PyTorchJob")] });
    const name = objectName("3.dots", distributed("a", "PyTorchJob"), 1);
    await others.object(PYTORCH, name);
    const run = await stage.untilRun("3.dots", "a executes", ({ status }) => status?.tasks?.a?.state === "executing");
    assert.is(run.status?.tasks?.a?.pod, name);
  });

  kinds("O-171: an MPIJob v2beta1 has a launcher without GPU, and slots for the workers' GPUs", async () => {
    await others.install(await mpiDefinition());
    await others.checkStrictly(FORMS.MPIJob[0], FULL);
    await stage.create("mpi", { tasks: [distributed("a", "MPIJob", { numWorkers: 2, numGpus: 4 })] });
    const resource = resourceOf("MPIJob");
    assert.is(resource.version, "v2beta1");
    const { spec } = await others.object(resource, "mpi--a");
    assert.is(spec.slotsPerWorker, 4);
    assert.equal(shape(spec.mpiReplicaSpecs), {
      Launcher: { replicas: 1, restartPolicy: "Never", container: "mpi", gpus: 0 },
      Worker: { replicas: 2, restartPolicy: "Never", container: "mpi", gpus: 4 },
    });
    assert.equal(spec.mpiReplicaSpecs?.Launcher?.template.spec.containers[0]?.command, ["run"]);
    assert.is(spec.mpiReplicaSpecs?.Worker?.template.spec.containers[0]?.command, undefined);
    await successAndFailure("mpi2", "MPIJob", resource, ({ mpiReplicaSpecs: roles, slotsPerWorker }) => {
      assert.is(slotsPerWorker, 1);
      return [
        [roles?.Launcher, "launcher"],
        [roles?.Worker, "worker-0"],
      ];
    });
  });

  kinds("O-171: where only kubeflow.org/v1 serves MPIJob, that version is used in its shape", async () => {
    await others.uninstall("mpijobs.kubeflow.org");
    await others.install(...(await trainingDefinitions("mpijobs")));
    await others.checkStrictly(FORMS.MPIJob[1], FULL);
    const v1: Resource = TASK_KIND_FACTS.MPIJob.resources[1];
    // The old version is in use until the operator has looked again.
    await until(
      async () => {
        const name = `mpi-probe-${Math.random().toString(36).slice(2, 8)}`;
        await stage.create(name, { tasks: [distributed("a", "MPIJob")] });
        const run = await stage.untilRun(name, "it is taken up", ({ status }) => status?.phase !== undefined);
        const found = await stage.untilRun(
          name,
          "a has begun or the run has ended",
          ({ status }) =>
            status?.tasks?.a?.state === "executing" || status?.completionTime !== undefined || run === undefined,
        );
        return found.status?.tasks?.a?.state === "executing";
      },
      WAIT_MS * 2,
      { describe: "MPIJob v1 is found", everyMs: 1_000 },
    );
    await successAndFailure("mpi1", "MPIJob", v1, ({ mpiReplicaSpecs: roles }) => {
      // Its launcher reaches the workers with a token that the operator gives it.
      assert.is(roles?.Launcher?.template.spec.automountServiceAccountToken, undefined);
      assert.is(roles?.Worker?.template.spec.automountServiceAccountToken, false);
      return [
        [roles?.Launcher, "launcher"],
        [roles?.Worker, "worker-0"],
      ];
    });
  });

  kinds("O-172: without its own kind an ElasticJob is a PyTorchJob with an elastic policy", async () => {
    await successAndFailure("el1", "ElasticJob", PYTORCH, ({ elasticPolicy, pytorchReplicaSpecs: roles }) => {
      assert.equal([elasticPolicy?.minReplicas, elasticPolicy?.maxReplicas], [2, 2]);
      assert.equal(shape(roles), { Worker: { replicas: 2, restartPolicy: "Never", container: "pytorch", gpus: 0 } });
      return [
        [roles?.Worker, "worker-0"],
        [roles?.Worker, "worker-1"],
      ];
    });
  });

  kinds("O-172: an ElasticJob has as many workers at least and at most, and meets at the etcd", async () => {
    await others.install(elasticDefinition());
    await others.checkStrictly(FORMS.ElasticJob[0], FULL);
    const resource = resourceOf("ElasticJob");
    await until(
      async () => {
        const name = `el-probe-${Math.random().toString(36).slice(2, 8)}`;
        await stage.create(name, { tasks: [distributed("a", "ElasticJob")] });
        await stage.untilRun(name, "a executes", ({ status }) => status?.tasks?.a?.state === "executing");
        return !(await others.isGone(resource, `${name}--a`));
      },
      WAIT_MS * 2,
      { describe: "the new kind is preferred", everyMs: 2_000 },
    );
    await successAndFailure("el2", "ElasticJob", resource, ({ replicaSpecs: roles, ...spec }) => {
      assert.equal([spec.minReplicas, spec.maxReplicas, spec.rdzvEndpoint], [2, 2, "etcd-service.elastic-job:2379"]);
      assert.equal(shape(roles), {
        Worker: { replicas: 2, restartPolicy: "ExitCode", container: "pytorch-elasticjob", gpus: 0 },
      });
      return [
        [roles?.Worker, "worker-0"],
        [roles?.Worker, "worker-1"],
      ];
    });
  });

  kinds("O-185: an object for which nobody makes pods says so, and what should be running", async () => {
    // It was made at the beginning; half a minute is over by now, or soon.
    const run = await stage.untilRun("later", "it says why", ({ status }) => status?.tasks?.a?.reason === "NoPodsYet");
    assert.is(
      run.status?.tasks?.a?.message,
      "NoPodsYet: nobody has made pods for this PyTorchJob; is the Kubeflow training operator (v1) running?",
    );
  });

  kinds(
    "O-183: when a definition is taken away, tasks that ran as its kind have failed, and the operator works on",
    async () => {
      await stage.create("taken", { tasks: [distributed("a", "TFJob")] });
      await stage.untilRun("taken", "a executes", ({ status }) => status?.tasks?.a?.state === "executing");
      await others.uninstall("tfjobs.kubeflow.org");
      const run = await others.ended("taken");
      assert.match(run.status?.tasks?.a?.message ?? "", /^resource not found: TFJob taken--a/);
      await stage.create("after", { tasks: [task("a")] });
      await stage.succeed("after", "a");
      await stage.untilPhase("after", "DONE");
    },
  );
  kinds.run();
}
