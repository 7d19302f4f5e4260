/** A user of the Odin view, as jobs tell of him. */
export interface KnownUser {
  username: string;
  email: string;
}

/** What a Namespace says of its pods (C-71). */
export interface NamespaceFacts {
  user?: string;
  cluster?: string;
  /** Whether its pods may say whose they are, where they are, and what their job is called. */
  trusts: boolean;
}

/** Who may have said something, from the most to the least trusted. */
export interface Sayings {
  /** What the pod itself says. */
  pod: { user?: string; cluster?: string; jobId?: string };
  namespace?: NamespaceFacts;
  /** The pod is the operator's; `user` is that of its Pipeline. */
  run?: { user?: string };
}

/**
 * Whose a pod is (C-71): empty for nobody's. A pod of a run belongs to the run's user, whatever it says itself; what another pod says counts only in a
 * Namespace that is trusted to say the truth, for a tenant could write anything there.
 */
export function ownerOf({ pod, namespace, run }: Sayings): string {
  if (run !== undefined) return run.user ?? namespace?.user ?? "";
  return (namespace?.trusts ? pod.user : undefined) ?? namespace?.user ?? "";
}

/** The cluster that a pod belongs to (C-71). */
export function clusterOf({ pod, namespace, run }: Sayings, fallback: string): string {
  const own = run !== undefined || namespace?.trusts === true ? pod.cluster : undefined;
  return own ?? namespace?.cluster ?? fallback;
}

/** The id that a pod says its job has, where it may (C-71). */
export function saidJobId({ pod, namespace, run }: Sayings): string | undefined {
  return run !== undefined || namespace?.trusts === true ? pod.jobId : undefined;
}
