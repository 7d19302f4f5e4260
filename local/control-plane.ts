import { join } from "node:path";
import type { AuditLog } from "./audit-policy.ts";
import { kubernetesBinaries } from "./binaries.ts";
import { Component } from "./component.ts";
import { type ComponentFlags, type LaunchedControlPlane, launchControlPlane } from "./control-plane-launch.ts";
import { assertFreeSpace, explained } from "./disk-space.ts";
import { withFileLock } from "./file-lock.ts";
import { createDirectories, type Layout, layoutOf } from "./layout.ts";
import { Interrupted, LocalError, messageOf } from "./local-error.ts";
import { Pki } from "./pki.ts";
import { freePorts } from "./ports.ts";
import type { Progress } from "./progress.ts";
import { removeCluster } from "./teardown.ts";

/** What to start. */
export interface ControlPlaneOptions {
  /** A new or empty directory, or that of an earlier control plane, whose remains are removed first. */
  dir: string;
  progress: Progress;
  /** Log every request to a file. */
  auditLog?: AuditLog;
  scheduler?: boolean;
  controllerManager?: boolean;
  /** Flags over our own, by component and without the leading dashes: for what a test or a benchmark needs otherwise. */
  flags?: ComponentFlags;
  /** Gives the start up: everything is undone and `Interrupted` thrown. */
  signal?: AbortSignal;
}

/** A running API server. */
export interface ControlPlane {
  /** Path of an administrator's kubeconfig. */
  kubeconfig: string;
  server: string;
  /** Path of the audit log, if one was asked for. */
  auditLog?: string;
  /** Path of the kubectl that belongs to it. */
  kubectl: string;
  /** Stops it and removes its directory. */
  stop(): Promise<void>;
}

/** An API server of one's own, whose processes can be measured and troubled. */
export interface OwnControlPlane extends ControlPlane {
  components: readonly Component[];
  /** Starts one more process that ends with it, its output in a log beside theirs. */
  addComponent(name: string, command: string, args: readonly string[]): Promise<Component>;
}

const ATTEMPTS = 3;
/** etcd reserves 64 MB of log at a time. */
const NEEDED_MEGABYTES = 250;

/**
 * Starts etcd and an API server on free ports of 127.0.0.1, without root and without nodes; several can run at once. It
 * dies with the process that starts it.
 */
export async function startControlPlane(o: ControlPlaneOptions): Promise<OwnControlPlane> {
  const binaries = await kubernetesBinaries(
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"],
    o.progress,
    o.signal,
  );
  const layout = layoutOf(o.dir);
  const stop = () => removeCluster(layout);
  const step = o.progress.step("Starting an API server");
  try {
    const started = await withFileLock(layout.lockFile, { signal: o.signal }, async () => {
      await assertFreeSpace(layout.directory, NEEDED_MEGABYTES, "a local API server");
      try {
        return await launchWithRetry(o, layout, binaries);
      } catch (error) {
        await stop();
        throw explained(error, layout.directory);
      }
    });
    started.api.close();
    step.done(started.server);
    return {
      kubeconfig: layout.kubeconfig,
      server: started.server,
      kubectl: binaries.kubectl,
      components: started.components,
      addComponent: (name, command, args) =>
        Component.start({
          name,
          command,
          args,
          logPath: join(layout.logs, `${name}.log`),
          clusterId: layout.id,
          diesWithStarter: true,
        }),
      ...(o.auditLog ? { auditLog: layout.auditLog } : {}),
      stop,
    };
  } catch (error) {
    step.fail(error instanceof Interrupted ? "interrupted" : "failed");
    throw error;
  }
}

/** A port that was free may be taken a moment later: then everything is tried again with others. */
async function launchWithRetry(
  o: ControlPlaneOptions,
  layout: Layout,
  binaries: Parameters<typeof launchControlPlane>[0]["binaries"],
): Promise<LaunchedControlPlane> {
  for (let attempt = 1; ; attempt++) {
    await removeCluster(layout);
    await createDirectories(layout);
    const [api = 0, etcd = 0, etcdPeer = 0] = await freePorts(3);
    try {
      return await launchControlPlane({
        layout,
        pki: await Pki.create(layout.pki),
        binaries,
        address: "127.0.0.1",
        ports: { api, etcd, etcdPeer },
        hasNode: false,
        auditLog: o.auditLog ?? false,
        scheduler: o.scheduler ?? false,
        controllerManager: o.controllerManager ?? false,
        diesWithStarter: true,
        enter: (command, args) => ({ command, args }),
        flags: o.flags,
        signal: o.signal,
      });
    } catch (error) {
      const portTaken = error instanceof LocalError && messageOf(error).includes("address already in use");
      if (!portTaken || attempt === ATTEMPTS) throw error;
    }
  }
}
