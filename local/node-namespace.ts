import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Component } from "./component.ts";
import type { Layout } from "./layout.ts";
import { LocalError } from "./local-error.ts";
import { childrenOf } from "./process-identity.ts";
import { waitFor } from "./wait.ts";

/** Network, mount and process namespaces of their own: all that a cluster does to the machine happens inside them. */
export interface NodeNamespace {
  component: Component;
  /** Process id, on the machine, of the namespaces' first process. */
  pid: number;
  /** Runs a program inside, seeing the machine's files (the API server's side). */
  enterNetwork(command: string, args: readonly string[]): { command: string; args: readonly string[] };
  /** Runs a program inside, seeing the node's own /run and /var. */
  enter(command: string, args: readonly string[]): { command: string; args: readonly string[] };
}

const INIT = join(import.meta.dirname, "../../local/node-init.sh");

/** What the node sees where; every path is short, as a socket's must be (108 bytes), however long the cluster's is. */
export const INSIDE = {
  cluster: "/run/odin/cluster",
  binaries: "/run/odin/bin",
  resolvConf: "/run/resolv.conf",
  containerdSocket: "/run/containerd/containerd.sock",
} as const;

/** Starts the namespaces. `binaries` are the programs that run inside, by name. */
export async function createNamespace(o: {
  layout: Layout;
  binaries: Record<string, string>;
  diesWithStarter: boolean;
  signal?: AbortSignal | undefined;
}): Promise<NodeNamespace> {
  const { layout } = o;
  const stage = join(layout.node, "run");
  const ready = join(layout.node, "namespace-ready");
  await mkdir(stage, { recursive: true });
  const binds = [
    [layout.directory, INSIDE.cluster],
    ...Object.entries(o.binaries).map(([name, path]) => [path, `${INSIDE.binaries}/${name}`]),
  ].map(([source = "", target = ""]) => `${source}=${target.replace(/^\/run\//, "")}`);
  const component = await Component.start({
    name: "node-init",
    command: "unshare",
    args: [
      ...["--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private", "--kill-child", "--"],
      ...["/bin/bash", INIT, stage, ready, ...binds],
    ],
    logPath: join(layout.logs, "node-init.log"),
    clusterId: layout.id,
    diesWithStarter: o.diesWithStarter,
  });
  await waitFor(() => existsSync(ready), {
    deadlineMs: 15_000,
    everyMs: 20,
    what: "the setup of the node's namespaces",
    check: () => component.check(),
    signal: o.signal,
  });
  const init = childrenOf(component.pid)[0];
  if (!init) throw new LocalError("the node's first process ended as soon as it had started");
  const enterWith =
    (...namespaces: string[]) =>
    (command: string, args: readonly string[]) => ({
      command: "nsenter",
      args: ["--target", String(init.pid), ...namespaces, "--", command, ...args],
    });
  return {
    component,
    pid: init.pid,
    enterNetwork: enterWith("--net", "--pid"),
    enter: enterWith("--net", "--pid", "--mount"),
  };
}
