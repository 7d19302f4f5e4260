// timeout: 1800
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { openStore } from "../../store/store.ts";
import { until } from "../support/deadline.ts";
import { ROOT } from "../support/documents.ts";
import { whyNoDefinitions } from "../support/kind-definitions.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { OdinProcess, operatorProcess } from "../support/odin-process.ts";
import { skip } from "../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";
import { installTrainingOperator, removeTrainingOperator, trainingOperatorLog } from "../support/training-operator.ts";
import { send } from "../unit/api/served.ts";

const WAIT_MS = 180_000;
const IMAGE = "python:3.11-slim";

/** Rank 0 listens, the others tell it their rank; it hands back what it was told. */
const MEET = `
import json, os, socket, time
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
address = ("0.0.0.0" if rank == 0 else os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
print("rank", rank, "of", size, flush=True)
if rank == 0:
    server = socket.create_server(address)
    ranks = [0]
    while len(ranks) < size:
        connection, _ = server.accept()
        ranks.append(int(connection.recv(16)))
    open("/dev/termination-log", "w").write(json.dumps({"outputs": {"model": "/model"}, "ranks": sorted(ranks)}))
else:
    while True:
        try:
            socket.create_connection(address, timeout=5).sendall(str(rank).encode())
            break
        except OSError:
            time.sleep(0.5)
`;

const training = suite("distributed training on a real node, with the real training operator");
let namespace: TemporaryNamespace;
let place: TemporaryDirectory;
let operator: OdinProcess | undefined;
let api: OdinProcess | undefined;

const store = (): Record<string, string> => ({ ODIN_STORE: join(place.path, "store.db") });
const startOperator = (): OdinProcess => operatorProcess(namespace.name, store());

const python = (name: string, script: string, more: Partial<Task> = {}): Task => ({
  name,
  image: IMAGE,
  command: ["python3", "-c", script],
  ...more,
});

async function create(name: string, spec: Pipeline["spec"]): Promise<void> {
  await kubectlApply(namespace.name, { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec });
}

async function untilRun(name: string, describe: string, accept: (run: Pipeline) => boolean): Promise<Pipeline> {
  const look = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json"));
  try {
    return await until(look, WAIT_MS, { describe: `run ${name}: ${describe}`, accept, everyMs: 300 });
  } catch (error) {
    console.error(await trainingOperatorLog(), await kubectl("get", "pods", "-n", namespace.name, "-o", "wide"));
    throw error;
  }
}

const untilEnded = (name: string): Promise<Pipeline> =>
  untilRun(name, "ends", (run) => run.status?.completionTime !== undefined);

/** Waits until the whole logs of so many pods of a task are in the store: until then they are only on the node. */
async function untilLogsKept(run: string, task: string, pods: number): Promise<void> {
  const kept = openStore(join(place.path, "store.db"));
  try {
    const uid = await kubectl("get", "pipeline", run, "-n", namespace.name, "-o", "jsonpath={.metadata.uid}");
    await until(() => kept.logs.ofRun(uid), WAIT_MS, {
      describe: `${pods} logs of ${task} are kept`,
      accept: (all) => all.filter((one) => one.task === task && one.state === "whole").length === pods,
      everyMs: 300,
    });
  } finally {
    await kept.close();
  }
}

const why = await whyNoDefinitions();
if (why !== undefined) skip("file", why);
else {
  training.before(async () => {
    try {
      namespace = await temporaryNamespace("training");
      place = await temporaryDirectory();
      operator = startOperator();
      await operator.untilSaid("operator running");
      await installTrainingOperator();
    } catch (error) {
      console.error(error, await trainingOperatorLog());
      throw error;
    }
  });
  training.after(async () => {
    await Promise.all([operator?.end("SIGTERM"), api?.end("SIGTERM")]);
    await namespace?.remove();
    await place?.remove();
    await removeTrainingOperator();
  });

  training("O-169, O-205: two replicas of a PyTorchJob meet, and the next task gets the master's result", async () => {
    const train = python("train", MEET, { resourceType: "PyTorchJob", numWorkers: 1 });
    const next = python("next", "import sys; print(sys.argv[1:])", {
      args: ["{^train.outputs.model}", "{^train.ranks}"],
    });
    await create("pytorch", { tasks: [train, next] });
    const run = await untilEnded("pytorch");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
    assert.equal(JSON.parse(run.status?.tasks?.train?.result ?? ""), { outputs: { model: "/model" }, ranks: [0, 1] });
    assert.is(run.status?.tasks?.train?.pod, "pytorch--train");
    const log = (pod: string): Promise<string> => kubectl("logs", pod, "-n", namespace.name);
    assert.match(await log("pytorch--train-master-0"), /rank 0 of 2/);
    assert.match(await log("pytorch--next"), /\['\/model', '\[0,1\]'\]/);
  });

  training(
    "O-223, O-225: the logs of all replicas are one task's, and are still there when the object is gone",
    async () => {
      api = new OdinProcess("api", {
        ODIN_NAMESPACE: namespace.name,
        ODIN_LISTEN: "127.0.0.1:0",
        ODIN_SECRET: "the secret of the end-to-end tests, long enough",
        ODIN_ROOT_USER: "root",
        ODIN_ROOT_PASS: "the root's password",
        ...store(),
      });
      await api.untilSaid('"msg":"ready"');
      const port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(api.output)?.[1]);
      const logs = async (): Promise<string> =>
        JSON.parse((await send(port, "GET", "/v1/resources/pytorch--train/logs")).text) as string;
      const isWhole = (text: string): boolean =>
        /master-0\n-+\nrank 0 of 2/.test(text) && /worker-0\n-+\nrank 1 of 2/.test(text);
      await until(logs, WAIT_MS, { describe: "the logs of both replicas", accept: isWhole, everyMs: 300 });
      await untilLogsKept("pytorch", "train", 2);
      await kubectl("delete", "pytorchjob", "pytorch--train", "-n", namespace.name);
      const pods = (): Promise<string> => kubectl("get", "pods", "-n", namespace.name, "-o", "name");
      await until(pods, WAIT_MS, {
        describe: "the pods are gone",
        accept: (names) => !names.includes("pytorch--train"),
        everyMs: 300,
      });
      await until(logs, WAIT_MS, { describe: "the kept logs of both replicas", accept: isWhole, everyMs: 300 });
    },
  );

  training("the example of data-parallel training learns on two replicas", async () => {
    const directory = join(ROOT, "examples/data-parallel");
    for (const file of ["job.yaml", "pipeline.yaml"])
      await kubectl("apply", "-n", namespace.name, "-f", join(directory, file));
    const run = await untilEnded("data-parallel-first");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
    const report = await kubectl("logs", "data-parallel-first--report", "-n", namespace.name);
    assert.is(report.trim(), "replicas 2 learned y = 3.0x + 2.0");
  });

  training("O-169, O-183: a worker that fails ends the run with its exit code and its name", async () => {
    const script = "import os, sys, time\nif os.environ['RANK'] == '1': sys.exit(3)\ntime.sleep(600)";
    await create("worker-fails", { tasks: [python("train", script, { resourceType: "PyTorchJob", numGpus: 0 })] });
    const run = await untilEnded("worker-fails");
    assert.is(run.status?.phase, "TERMINATED");
    const { exitCode, message } = run.status?.tasks?.train ?? {};
    assert.is(exitCode, 3, JSON.stringify(run.status));
    assert.match(message ?? "", /exit code 3 \(pod worker-fails--train-worker-0\)$/);
    // The master, which would have gone on, is gone.
    const pods = (): Promise<string> => kubectl("get", "pods", "-n", namespace.name, "-o", "name");
    await until(pods, WAIT_MS, {
      describe: "the master is removed",
      accept: (names) => !names.includes("worker-fails--train-master-0"),
      everyMs: 300,
    });
  });

  training("O-170: the workers of a TFJob know each other", async () => {
    const script = "import json, os; assert len(json.loads(os.environ['TF_CONFIG'])['cluster']['worker']) == 2";
    await create("tensorflow", {
      tasks: [python("train", script, { resourceType: "TFJob", numWorkers: 2, numGpus: 0 })],
    });
    const run = await untilEnded("tensorflow");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
  });

  training("O-172: an elastic task without TorchElastic is a PyTorchJob whose workers know where to meet", async () => {
    const script =
      "import os; assert os.environ['PET_NNODES'] == '2:2', os.environ; print(os.environ['PET_RDZV_ENDPOINT'])";
    const elastic = (name: string, text: string): Task =>
      python(name, text, { resourceType: "ElasticJob", numWorkers: 2, numGpus: 0 });
    await create("elastic", { tasks: [elastic("train", script)] });
    await create("elastic-fails", { tasks: [elastic("train", "raise SystemExit(4)")] });
    const run = await untilEnded("elastic");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
    const failed = await untilEnded("elastic-fails");
    assert.is(failed.status?.tasks?.train?.exitCode, 4, JSON.stringify(failed.status));
  });

  training("O-168: a Job runs to its end, another uses up its retries", async () => {
    const task = (name: string, script: string, more: Partial<Task> = {}): Task =>
      python(name, script, { resourceType: "Job", ...more });
    await create("job", {
      tasks: [task("a", "open('/dev/termination-log', 'w').write('{\"n\": 1}')"), python("b", "", { depends: ["a"] })],
    });
    await create("job-fails", { tasks: [task("a", "raise SystemExit(5)", { retries: 1 })] });
    const run = await untilEnded("job");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
    assert.is(run.status?.tasks?.a?.result, '{"n": 1}');
    const failed = await untilEnded("job-fails");
    assert.is(failed.status?.phase, "TERMINATED");
    assert.is(failed.status?.tasks?.a?.exitCode, 5);
    const pods = await kubectl("get", "pods", "-n", namespace.name, "-l", "odin.io/pipeline=job-fails", "-o", "name");
    assert.is(pods.trim().split("\n").length, 2, pods);
  });

  training("O-187: an operator that is killed while a PyTorchJob runs finishes the run after its restart", async () => {
    const wait = `${MEET}\nwhile rank == 0 and not os.path.exists("/tmp/go"): time.sleep(0.2)`;
    await create("killed", { tasks: [python("train", wait, { resourceType: "PyTorchJob", numGpus: 0 })] });
    await untilRun("killed", "the task executes", (run) => run.status?.tasks?.train?.state === "executing");
    const uid = await kubectl(
      "get",
      "pytorchjob",
      "killed--train",
      "-n",
      namespace.name,
      "-o",
      "jsonpath={.metadata.uid}",
    );
    await operator?.end("SIGKILL");
    operator = startOperator();
    await operator.untilSaid("operator running");
    const letGo = ["exec", "killed--train-master-0", "-n", namespace.name, "--", "touch", "/tmp/go"];
    await until(() => kubectl(...letGo), WAIT_MS, { describe: "the master runs", accept: () => true, everyMs: 500 });
    const run = await untilEnded("killed");
    assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
    assert.is(
      await kubectl("get", "pytorchjob", "killed--train", "-n", namespace.name, "-o", "jsonpath={.metadata.uid}"),
      uid,
    );
  });

  training("O-210: cancelling a run takes its PyTorchJob and all its pods away", async () => {
    const sleep = python("train", "import time; time.sleep(600)", { resourceType: "PyTorchJob", numGpus: 0 });
    await create("cancelled", { tasks: [sleep] });
    await until(
      () => kubectl("get", "pods", "-n", namespace.name, "-l", "odin.io/pipeline=cancelled", "-o", "name"),
      WAIT_MS,
      { describe: "the pods are there", accept: (names) => names.trim().split("\n").length === 2, everyMs: 300 },
    );
    await kubectl(
      "patch",
      "pipeline",
      "cancelled",
      "-n",
      namespace.name,
      "--type=merge",
      "-p",
      '{"spec":{"cancel":true}}',
    );
    const run = await untilEnded("cancelled");
    assert.is(run.status?.tasks?.train?.reason, "Cancelled");
    await until(
      () => kubectl("get", "pods,pytorchjobs", "-n", namespace.name, "-l", "odin.io/pipeline=cancelled", "-o", "name"),
      WAIT_MS,
      { describe: "all is gone", accept: (names) => names.trim() === "", everyMs: 300 },
    );
  });
  training.run();
}
