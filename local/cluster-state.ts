import { access, readFile, rename, writeFile } from "node:fs/promises";
import { AdminApi } from "./admin-api.ts";
import type { AuditLog } from "./audit-policy.ts";
import { dnsAnswers } from "./cluster-dns.ts";
import type { Component } from "./component.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import type { Layout } from "./layout.ts";
import { messageOf } from "./local-error.ts";
import { advertiseGpus, nodeIsReady } from "./node.ts";
import { nodeSeats } from "./node-seat.ts";
import { isRunning, type ProcessIdentity } from "./process-identity.ts";

/** What runs in a cluster's directory; written when its start has succeeded. */
export interface ClusterState {
  server: string;
  kubectl: string;
  hostAddress: string;
  gpus: number;
  nodes: number;
  /** Whether NetworkPolicies are enforced. */
  networkPolicies: boolean;
  auditLog: AuditLog;
  /** Names the pinned releases of the binaries. */
  release: string;
  /** By name; `id` ties them to the directory's path of then. */
  components: Record<string, ProcessIdentity>;
  id: string;
}

/** Writes the state, whole or not at all, and returns it. */
export async function writeState(
  layout: Layout,
  described: Omit<ClusterState, "components" | "id">,
  components: readonly Component[],
): Promise<ClusterState> {
  const identities: Record<string, ProcessIdentity> = {};
  for (const component of components) {
    component.check();
    if (component.identity) identities[component.name] = component.identity;
  }
  const state: ClusterState = { ...described, components: identities, id: layout.id };
  await writeFile(`${layout.stateFile}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
  await rename(`${layout.stateFile}.new`, layout.stateFile);
  return state;
}

/** The cluster that runs in the directory and is as wanted, or the reason (for a person) why there is none. */
export async function reusableCluster(
  layout: Layout,
  wanted: Pick<ClusterState, "gpus" | "nodes" | "networkPolicies" | "auditLog" | "release">,
): Promise<{ state: ClusterState } | { state?: never; reason: string }> {
  const state = await readState(layout);
  if (!state) return { reason: "none yet" };
  const anew = (why: string) => ({ reason: `${why}; starting a new one` });
  if (state.id !== layout.id) return anew("its directory was moved");
  const ended = Object.entries(state.components).find(([, identity]) => !isRunning(identity));
  if (ended) return anew(`the last one has ended or is incomplete (${ended[0]} does not run)`);
  if (state.release !== wanted.release) return anew("the one that runs is of another version");
  const same = (["nodes", "networkPolicies", "auditLog"] as const).every(
    (setting) => state[setting] === wanted[setting],
  );
  if (!same) return anew("the one that runs has other settings");
  try {
    const api = new AdminApi(await readKubeconfig(layout.kubeconfig));
    try {
      await api.isReady();
      await dnsAnswers(new URL(state.server).hostname);
      for (const { name } of nodeSeats(state.nodes))
        if (!(await nodeIsReady(api, name))) return anew(`node ${name} of the one that runs is not ready`);
      await advertiseGpus(api, wanted.gpus);
      await access(state.kubectl);
    } finally {
      api.close();
    }
  } catch (error) {
    return anew(`the one that runs is not healthy (${messageOf(error)})`);
  }
  return { state };
}

/** What the directory says that runs in it, or undefined if no start has succeeded there. */
export async function readState(layout: Layout): Promise<ClusterState | undefined> {
  try {
    const state: ClusterState = JSON.parse(await readFile(layout.stateFile, "utf8"));
    return typeof state.components === "object" && state.components !== null ? state : undefined;
  } catch {
    return undefined; // Written last and whole: without it, or with one that was damaged, no cluster is complete.
  }
}
