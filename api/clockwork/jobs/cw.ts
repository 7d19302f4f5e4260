import type { KnownUser } from "./owner.ts";
import type { PodFacts } from "./pod-facts.ts";

/** `cw` of a job: exactly the keys of C-75. `owner` is who the job was said to belong to, `user` the user of that name or e-mail. */
export function cwOf(pod: PodFacts, owner: string, user: KnownUser | undefined): Record<string, unknown> {
  return {
    mila_email_username: user?.email ?? null,
    mila_cluster_username: user?.username ?? (owner === "" ? null : owner),
    cc_account_username: null,
    last_slurm_update: pod.changedAt,
  };
}
