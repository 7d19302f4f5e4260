import { canonicalJson } from "../../../crds/snapshot.ts";
import type { JobRecords } from "../../../store/job-records.ts";
import type { KnownUser } from "./owner.ts";

const AT_ONCE = 200;

/**
 * Fills in whose jobs are that were written before their owner was known (C-75); how many. Those of pods that are there are written anew besides.
 * Rejects with a `StoreProblem`.
 */
export async function fillInOwners(
  records: Pick<JobRecords, "ownersWithoutEmail" | "withoutEmail" | "setOwner">,
  userOf: (nameOrEmail: string) => KnownUser | undefined,
): Promise<number> {
  let filled = 0;
  for (const owner of await records.ownersWithoutEmail()) {
    const user = userOf(owner);
    if (user === undefined) continue;
    for (;;) {
      const jobs = await records.withoutEmail(owner, AT_ONCE);
      if (jobs.length === 0) break;
      await records.setOwner(
        { email: user.email, clusterUser: user.username },
        jobs.map(({ podUid, slurm, cw }) => ({
          podUid,
          slurmBefore: slurm,
          slurm: changed(slurm, { username: user.username }),
          cw: changed(cw, { mila_email_username: user.email, mila_cluster_username: user.username }),
        })),
      );
      filled += jobs.length;
    }
  }
  return filled;
}

function changed(json: string, more: Readonly<Record<string, string>>): string {
  return canonicalJson({ ...(JSON.parse(json) as Record<string, unknown>), ...more });
}
