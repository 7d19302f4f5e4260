import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeClient } from "../../kube/client.ts";
import { NODE } from "../../kube/core-resources.ts";
import { collectionPath, type KubeObject } from "../../kube/resource.ts";
import { builtTool } from "../../local/binaries.ts";
import type { Component } from "../../local/component.ts";
import type { OwnControlPlane } from "../../local/control-plane.ts";
import { freePorts } from "../../local/ports.ts";
import type { Progress } from "../../local/progress.ts";
import { waitFor } from "../../local/wait.ts";
import { type SimulatedPods, simulatedStages } from "./simulated-stages.ts";

const READY_MS = 60_000;

interface Node extends KubeObject {
  spec?: { taints?: { key: string }[] };
  status?: { conditions?: { type: string; status: string }[] };
}

/**
 * Adds nodes to a control plane that run no containers: a simulator (KWOK) says of their pods what a kubelet would say. Resolves when pods
 * can be put on them. Needs the controller-manager, which takes the taints of new nodes away.
 */
export async function addSimulatedNodes(
  plane: OwnControlPlane,
  client: KubeClient,
  count: number,
  pods: SimulatedPods,
  progress: Progress,
): Promise<Component> {
  const program = await builtTool("kwok", "kwok", progress);
  const directory = await mkdtemp(join(tmpdir(), "odin-kwok-"));
  try {
    const file = join(directory, "kwok.yaml");
    const parts = [settings, ...simulatedStages(pods), ...(pods.log === undefined ? [] : [logsFrom(pods.log)])];
    await writeFile(file, parts.map((part) => JSON.stringify(part)).join("\n---\n"));
    const [port] = await freePorts(1);
    const simulator = await plane.addComponent("kwok", program, [
      `--kubeconfig=${plane.kubeconfig}`,
      `--config=${file}`,
      "--manage-all-nodes=true",
      "--node-lease-duration-seconds=40",
      ...(pods.log === undefined
        ? []
        : [`--server-address=127.0.0.1:${port}`, "--node-ip=127.0.0.1", `--node-port=${port}`]),
    ]);
    for (let i = 0; i < count; i++) await client.create(collectionPath(NODE, undefined), nodeNamed(`node-${i}`));
    const ready = async (): Promise<boolean> =>
      (await client.listAll<Node>(collectionPath(NODE, undefined))).items.every(isReady);
    await waitFor(ready, {
      deadlineMs: READY_MS,
      what: `the readiness of ${count} simulated nodes`,
      check: () => simulator.check(),
    });
    return simulator;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const settings = {
  apiVersion: "config.kwok.x-k8s.io/v1alpha1",
  kind: "KwokConfiguration",
  // Without a configuration file it has defaults; with one, what is left out is 0.
  options: {
    podPlayStageParallelism: 64,
    nodePlayStageParallelism: 4,
    nodeLeaseParallelism: 4,
    podsOnNodeSyncParallelism: 4,
    enablePodsOnNodeSyncListPager: true,
    enableDebuggingHandlers: true,
  },
};

/** Every container has said what is in the file, in the form in which a container runtime writes logs. */
function logsFrom(logsFile: string): object {
  return {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "ClusterLogs",
    metadata: { name: "every-pod" },
    spec: { logs: [{ logsFile, follow: false }] },
  };
}

function nodeNamed(name: string): object {
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels: { "kubernetes.io/hostname": name } } };
}

function isReady({ spec, status }: Node): boolean {
  const ready = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True");
  return ready === true && (spec?.taints ?? []).length === 0;
}
