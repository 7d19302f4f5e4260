import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until } from "../support/deadline.ts";
import { kubectl, kubectlApply, testVariable } from "../support/kubectl.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../support/temporary-namespace.ts";

const POD_MS = 120_000;
const CLAIM = "data-rw-many";

const test = suite<{ namespace: TemporaryNamespace; directory: string }>("volumes on the local cluster");
test.before(async (context) => {
  context.namespace = await temporaryNamespace("volumes");
  context.directory = await createSharedVolume(testVariable("KUBECONFIG"), context.namespace.name, CLAIM);
});
test.after(({ namespace }) => namespace.remove());

/** A pod of user 1000 with the claim at /data, one directory of it at the task's path, and the job's files inside it. */
function task(name: string, script: string): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      securityContext: { runAsNonRoot: true, runAsUser: 1000 },
      volumes: [
        { name: "data", persistentVolumeClaim: { claimName: CLAIM } },
        { name: "files", configMap: { name: "files" } },
      ],
      containers: [
        {
          name: "main",
          image: "python:3.11-slim",
          imagePullPolicy: "IfNotPresent",
          command: ["sh", "-ec", script],
          volumeMounts: [
            { name: "data", mountPath: "/data" },
            { name: "data", mountPath: `/data/odin/run/${name}`, subPath: `odin/run/${name}` },
            { name: "files", mountPath: "/data/pipelines/job", readOnly: true },
          ],
        },
      ],
    },
  };
}

async function finished(namespace: string, name: string): Promise<string> {
  const look = () => kubectl("get", "pod", name, "-n", namespace, "-o", "jsonpath={.status.phase}");
  const ended = (phase: string) => phase === "Succeeded" || phase === "Failed";
  return until(look, POD_MS, { describe: `the end of pod ${name}`, accept: ended, everyMs: 200 });
}

test("tasks share a claim, each has a directory in it that it may write, and reads its files inside the claim", async ({
  namespace: { name },
  directory,
}) => {
  const files = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "files" },
    data: { "train.py": "print('trained by', __import__('os').getuid())" },
  };
  const train = "cd /data/odin/run/train; python3 /data/pipelines/job/train.py | tee model; id -u >> /data/seen";
  await kubectlApply(name, files, task("train", train));
  assert.is(await finished(name, "train"), "Succeeded", await kubectl("logs", "train", "-n", name));
  await kubectlApply(
    name,
    task("after", "cat /data/odin/run/train/model /data/seen; test ! -w /data/pipelines/job/train.py"),
  );
  assert.is(await finished(name, "after"), "Succeeded");
  assert.is(await kubectl("logs", "after", "-n", name), "trained by 1000\n1000\n");
  assert.is(await readFile(join(directory, "odin/run/train/model"), "utf8"), "trained by 1000\n");
  assert.is((await stat(join(directory, "odin/run/train/model"))).uid, 1000);
});

test("making the same volume again finds the one that is there", async ({ namespace: { name }, directory }) => {
  assert.is(await createSharedVolume(testVariable("KUBECONFIG"), name, CLAIM), directory);
});

test.run();
