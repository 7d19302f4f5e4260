import { execFile } from "node:child_process";
import { access, constants, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { AuditLog } from "../../local/audit-policy.ts";
import { binarySet } from "../../local/binary-set.ts";
import { startCluster, stopCluster } from "../../local/cluster.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane.ts";
import type { ComponentFlags } from "../../local/control-plane-launch.ts";
import { Environment, type Started } from "./environment.ts";
import { whyNoNode } from "./machine.ts";
import type { Reporter } from "./reporter.ts";
import { reporterProgress } from "./reporter-progress.ts";
import type { RunOptions } from "./run.ts";
import { abandonedRunDirectories } from "./run-directory.ts";

const execute = promisify(execFile);
const CLUSTER = "cluster";
const FAULTS_CLUSTER = "faults-cluster";
/** Integration files make nodes that have no kubelet to say that they live: none is to be called lost, and its pods with it, by anybody but a test. */
const NODES_LIVE: ComponentFlags = {
  "kube-controller-manager": { "node-monitor-grace-period": "24h", "node-startup-grace-period": "24h" },
};

/**
 * The real environments of this checkout's tests, which live in `directory`: unit files stand on nothing, integration
 * files on an API server, end-to-end files on a cluster with one real node.
 */
export function environments(root: string, directory: string): RunOptions["environmentOf"] {
  return (kind, reporter) => {
    if (kind === "unit") return undefined;
    if (process.platform !== "linux") return { cannot: `a local API server needs Linux, this is ${process.platform}` };
    if (kind === "integration") return apiServer(root, join(directory, "api"), reporter, true, NODES_LIVE);
    if (kind === "faults/server") return apiServer(root, join(directory, "faults"), reporter, "bodies");
    const cannot = whyNoNode();
    if (cannot !== undefined) return { cannot };
    if (kind === "e2e") return cluster(root, join(directory, CLUSTER), reporter, true);
    return cluster(root, join(directory, FAULTS_CLUSTER), reporter, "bodies");
  };
}

function apiServer(
  root: string,
  dir: string,
  reporter: Reporter,
  auditLog: AuditLog,
  flags: ComponentFlags = {},
): Environment {
  return new Environment({
    title: "the API server",
    isQuick: binariesArePresent,
    start: async (signal) => {
      const progress = reporterProgress(reporter);
      return prepared(
        root,
        await startControlPlane({ dir, progress, signal, auditLog, controllerManager: true, flags }),
      );
    },
  });
}

function cluster(root: string, dir: string, reporter: Reporter, auditLog: AuditLog): Environment {
  return new Environment({
    title: "the cluster",
    isQuick: async () => false,
    start: async (signal) => {
      const progress = reporterProgress(reporter);
      const started = await startCluster({ dir, progress, signal, auditLog, diesWithStarter: true });
      const { variables, stop } = await prepared(root, started);
      return { variables: { ...variables, ODIN_TEST_HOST_ADDRESS: started.hostAddress }, stop };
    },
  });
}

/** Removes what runs left that were killed: their processes are gone, but rules and directories are not. */
export async function removeAbandonedRuns(): Promise<void> {
  for (const directory of abandonedRunDirectories()) {
    for (const name of [CLUSTER, FAULTS_CLUSTER]) await stopCluster(join(directory, name));
    await rm(directory, { recursive: true, force: true });
  }
}

/** Adds the custom resource definitions of this checkout; stops the environment again if it will not take them. */
async function prepared(root: string, environment: ControlPlane): Promise<Started> {
  try {
    await applyDefinitions(root, environment);
  } catch (error) {
    await environment.stop();
    throw error;
  }
  return {
    variables: {
      KUBECONFIG: environment.kubeconfig,
      ODIN_TEST_KUBECTL: environment.kubectl,
      ...(environment.auditLog === undefined ? {} : { ODIN_TEST_AUDIT_LOG: environment.auditLog }),
    },
    stop: () => environment.stop(),
  };
}

/** Adds the custom resource definitions of the checkout at `root` and waits until they are served. */
export async function applyDefinitions(root: string, { kubectl, kubeconfig }: ControlPlane): Promise<void> {
  const directory = join(root, "crds/generated");
  const files = (await readdir(directory))
    .filter((name) => name.endsWith(".yaml"))
    .flatMap((name) => ["-f", join(directory, name)]);
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  await execute(kubectl, ["apply", "--server-side", ...files], { env });
  // It gives up at once on a definition that is so new that it has no conditions yet.
  const wait = ["wait", "--for=condition=Established", "--timeout=120s", ...files];
  for (let tries = 1; ; tries++) {
    try {
      await execute(kubectl, wait, { env });
      return;
    } catch (error) {
      if (tries === 10) throw error;
      await new Promise((done) => setTimeout(done, 500));
    }
  }
}

/** Whether the cluster's programs are there; where they must be built first, that takes all of the machine for minutes. */
async function binariesArePresent(): Promise<boolean> {
  const { cacheDirectory } = await binarySet("kubernetes");
  const directories = [process.env.KUBEBUILDER_ASSETS, cacheDirectory].filter((path) => path !== undefined);
  const found = await Promise.all(directories.map((path) => isExecutable(join(path, "kube-apiserver"))));
  return found.includes(true);
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
