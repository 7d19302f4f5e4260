import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { builtTool } from "../../local/binaries.ts";
import { silentProgress } from "../../local/progress.ts";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until } from "./deadline.ts";
import { trainingOperatorDirectory } from "./kind-definitions.ts";
import { kubectl, kubectlApply, testVariable } from "./kubectl.ts";

/** Where its release installs itself. */
const NAMESPACE = "kubeflow";
const IMAGE = "python:3.11-slim";
const PROGRAM = "training-operator.v1";
const READY_MS = 180_000;

/** What each worker of a PyTorchJob runs first: it waits until the master's name is known. The release's own needs an image we do not have. */
const INIT_CONTAINER = `- name: init-pytorch
  image: {{.InitContainerImage}}
  imagePullPolicy: IfNotPresent
  command: [python3, -c, "import socket, time\\nwhile True:\\n  try:\\n    socket.getaddrinfo('{{.MasterAddr}}', None); break\\n  except OSError:\\n    time.sleep(0.5)"]
`;

/**
 * Installs the released Kubeflow training operator in the cluster of the tests as its own manifests say, webhooks and rights included; only the image
 * is ours: the program, built from the pinned sources, comes on a volume. Resolves when it is ready.
 */
export async function installTrainingOperator(): Promise<void> {
  const directory = await trainingOperatorDirectory();
  const program = await builtTool("training-operator", PROGRAM, silentProgress);
  await kubectl("apply", "--server-side", "-k", join(directory, "manifests/overlays/standalone"));
  const volume = await createSharedVolume(testVariable("KUBECONFIG"), NAMESPACE, "program");
  await copyFile(program, join(volume, PROGRAM));
  await kubectlApply(NAMESPACE, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "init-container" },
    data: { "initContainer.yaml": INIT_CONTAINER },
  });
  const container = {
    name: "training-operator",
    image: IMAGE,
    imagePullPolicy: "IfNotPresent",
    command: [`/program/${PROGRAM}`, `--pytorch-init-container-image=${IMAGE}`],
    volumeMounts: [
      { name: "program", mountPath: "/program", readOnly: true },
      { name: "init-container", mountPath: "/etc/config", readOnly: true },
    ],
    readinessProbe: { initialDelaySeconds: 1, periodSeconds: 1 },
  };
  const volumes = [
    { name: "program", persistentVolumeClaim: { claimName: "program" } },
    { name: "init-container", configMap: { name: "init-container" } },
  ];
  const patch = { spec: { template: { spec: { containers: [container], volumes } } } };
  await kubectl("patch", "deployment", "training-operator", "-n", NAMESPACE, "--patch", JSON.stringify(patch));
  const ready = [
    "get",
    "deployment",
    "training-operator",
    "-n",
    NAMESPACE,
    "-o",
    "jsonpath={.status.updatedReplicas}/{.status.availableReplicas}/{.status.replicas}",
  ];
  await until(() => kubectl(...ready), READY_MS, {
    describe: "the training operator is ready",
    accept: (counts) => counts === "1/1/1",
    everyMs: 500,
  });
}

/** Takes it away again, its kinds included. */
export async function removeTrainingOperator(): Promise<void> {
  const directory = await trainingOperatorDirectory();
  const overlay = join(directory, "manifests/overlays/standalone");
  await kubectl("delete", "-k", overlay, "--ignore-not-found", "--wait=false");
}

/** What the operator has written, for a test that fails. */
export async function trainingOperatorLog(): Promise<string> {
  return await kubectl("logs", "deployment/training-operator", "-n", NAMESPACE, "--tail=100").catch(String);
}
