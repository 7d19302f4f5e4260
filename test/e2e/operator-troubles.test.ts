import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { until } from "../support/deadline.ts";
import { kubectl, kubectlApply } from "../support/kubectl.ts";
import { type OdinProcess, operatorProcess } from "../support/odin-process.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const WAIT_MS = 240_000;
const IMAGE = "python:3.11-slim";

const troubles = suite("troubles on a real node");
let namespace: TemporaryNamespace;
let operator: OdinProcess | undefined;
troubles.before(async () => {
  namespace = await temporaryNamespace("troubles");
  operator = operatorProcess(namespace.name);
  await operator.untilSaid("operator running");
});
troubles.after(async () => {
  await operator?.end("SIGTERM");
  await namespace?.remove();
});

const task = (name: string, script: string, more: Partial<Task> = {}): Task => ({
  name,
  image: IMAGE,
  command: ["sh", "-c", script],
  ...more,
});

async function create(name: string, spec: Pipeline["spec"]): Promise<void> {
  await kubectlApply(namespace.name, { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec });
}

async function patch(name: string, spec: Partial<Pipeline["spec"]>): Promise<void> {
  await kubectl("patch", "pipeline", name, "-n", namespace.name, "--type=merge", "-p", JSON.stringify({ spec }));
}

async function untilRun(name: string, describe: string, accept: (run: Pipeline) => boolean): Promise<Pipeline> {
  const look = async (): Promise<Pipeline> =>
    JSON.parse(await kubectl("get", "pipeline", name, "-n", namespace.name, "-o", "json"));
  return await until(look, WAIT_MS, { describe: `run ${name}: ${describe}`, accept, everyMs: 300 });
}

function untilEnded(name: string): Promise<Pipeline> {
  return untilRun(name, "ends", (run) => run.status?.completionTime !== undefined);
}

troubles("F-21: an image that does not exist is told in kubectl get, hangs nothing, and can be cancelled", async () => {
  await create("no-image", { tasks: [task("a", "true", { image: "does.not.exist/nope:1" })] });
  await untilRun("no-image", "tells the image's trouble", (run) => run.status?.reason === "a: ImagePullBackOff");
  assert.match(
    await kubectl("get", "pipeline", "no-image", "-n", namespace.name),
    /no-image\s+RUNNING\s+0\/1\s+a: ImagePullBackOff/,
  );
  await patch("no-image", { cancel: true });
  const ended = await untilEnded("no-image");
  assert.is(ended.status?.phase, "TERMINATED");
});

troubles("F-22: a task that no node can take says Unschedulable, with the scheduler's words", async () => {
  await create("many-gpus", { tasks: [task("a", "true", { numGpus: 64 })] });
  const run = await untilRun("many-gpus", "is unschedulable", ({ status }) => status?.reason === "a: Unschedulable");
  assert.match(run.status?.message ?? "", /Insufficient nvidia\.com\/gpu/);
  // The scheduler writes the pod's condition first and sends its event on another way, so that this may come later.
  await untilRun("many-gpus", "has the scheduler's event", ({ status }) =>
    Boolean(status?.events?.some((event) => event.reason === "FailedScheduling")),
  );
  await patch("many-gpus", { cancel: true });
  await untilEnded("many-gpus");
});

troubles("O-167, F-23: out of memory, an exit code and a signal are told apart", async () => {
  await create("ends", {
    tasks: [
      task("memory", 'exec python3 -c "x = bytearray(300 * 1024 * 1024); print(len(x))"', {
        memory: { limits: "32Mi" },
      }),
      task("code", "echo about to fail; exit 3"),
      task("message", "printf 'the data is missing' > /dev/termination-log; exit 4"),
    ],
  });
  const { status } = await untilEnded("ends");
  assert.is(status?.tasks?.memory?.reason, "OOMKilled");
  assert.is(status?.tasks?.code?.exitCode, 3);
  assert.is(status?.tasks?.code?.message, "Error, exit code 3");
  assert.is(status?.tasks?.message?.message, "the data is missing");
});

troubles("a volume claim that does not exist is told", async () => {
  await create("no-claim", { tasks: [task("a", "true", { mounts: [{ name: "d", path: "/data", claim: "nope" }] })] });
  await untilRun("no-claim", "tells what is missing", ({ status }) => /nope/.test(status?.message ?? ""));
  await patch("no-claim", { cancel: true });
  await untilEnded("no-claim");
});

troubles("a ConfigMap that does not exist is told", async () => {
  await create("no-config", { tasks: [task("a", "true", { configMaps: [{ name: "missing-config", path: "/c" }] })] });
  // A kubelet that has not read the ConfigMap in time may complain of that first.
  await untilRun(
    "no-config",
    "tells what is missing",
    ({ status }) => status?.reason === "a: FailedMount" && /missing-config/.test(status.message ?? ""),
  );
  await patch("no-config", { cancel: true });
  await untilEnded("no-config");
});

troubles("O-210: cancel stops containers that run; suspend lets them finish", async () => {
  await create("long", { tasks: [task("a", "exec sleep 3600")] });
  await untilRun("long", "runs", (run) => run.status?.tasks?.a?.state === "executing");
  await until(() => kubectl("get", "pod", "long--a", "-n", namespace.name, "-o", "jsonpath={.status.phase}"), WAIT_MS, {
    describe: "the container runs",
    accept: (phase) => phase === "Running",
  });
  await patch("long", { cancel: true, cancelledBy: "ada" });
  const ended = await untilEnded("long");
  assert.is(ended.status?.message, "cancelled by ada");
  await until(
    () => kubectl("get", "pods", "-n", namespace.name, "-l", "odin.io/pipeline=long", "-o", "name"),
    WAIT_MS,
    { describe: "its pod goes", accept: (names) => names.trim() === "" },
  );
});

troubles("files, variables, environment, TASK_PATH and the identity reach the container", async () => {
  await create("inside", {
    files: { "hello there.txt": "from the file\n" },
    tasks: [
      task(
        "a",
        'cat "$1/hello there.txt"; echo "$WHERE $(id -u):$(id -g) $ODIN_TASK_ID"; echo kept > "$2/x"; cat "$2/x"; touch "$1/y" 2>&1 || true; ls /var/run/secrets/kubernetes.io 2>&1 || true',
        {
          args: ["--", "${WORK_PATH}", "${TASK_PATH}"],
          env: { WHERE: "$PIPE_ID at ${DATA_PATH}" },
          securityContext: { runAsUser: 1234, runAsGroup: 2345, fsGroup: 2345 },
          ephemVolumes: [{ name: "scratch", type: "emptyDir", sizeLimit: "10Mi" }],
          mounts: [{ name: "scratch", path: "/scratch" }],
          cpu: { requests: "50m" },
        },
      ),
    ],
  });
  const { status } = await untilEnded("inside");
  assert.is(status?.phase, "DONE", JSON.stringify(status));
  const log = await kubectl("logs", "inside--a", "-n", namespace.name);
  for (const part of [
    "from the file",
    "inside at /data/odin 1234:2345 inside--a",
    "kept",
    "Read-only file system",
    "No such file or directory",
  ]) {
    assert.ok(log.includes(part), `${part} is missing in:\n${log}`);
  }
});

troubles("kubectl delete of a running Pipeline takes its pods along", async () => {
  await create("removed", { tasks: [task("a", "exec sleep 3600")] });
  await untilRun("removed", "runs", (run) => run.status?.tasks?.a?.state === "executing");
  await kubectl("delete", "pipeline", "removed", "-n", namespace.name);
  await until(
    () => kubectl("get", "pods", "-n", namespace.name, "-l", "odin.io/pipeline=removed", "-o", "name"),
    WAIT_MS,
    { describe: "its pods go", accept: (names) => names.trim() === "" },
  );
});
troubles("O-144: a task that fails once is tried again in a pod of its own, and the run is done", async () => {
  await create("flaky", { tasks: [task("a", 'test "$(hostname)" != flaky--a', { retries: 2 })] });
  const run = await untilEnded("flaky");
  assert.is(run.status?.phase, "DONE", JSON.stringify(run.status));
  assert.is(run.status?.tasks?.a?.pod, "flaky--a-r1");
});

troubles("O-143: a task that takes too long is stopped, whatever it does with the signal", async () => {
  const script = "trap '' TERM; echo started; while true; do sleep 1; done";
  await create("slow", { tasks: [task("a", script, { timeout: 8 })] });
  const run = await untilEnded("slow");
  assert.is(run.status?.phase, "TERMINATED");
  assert.is(run.status?.tasks?.a?.reason, "Timeout", JSON.stringify(run.status));
  assert.match(run.status?.message ?? "", "timed out after 8s");
});
troubles.run();
