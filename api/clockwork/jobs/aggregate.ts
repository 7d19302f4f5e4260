/** What a job's state belongs to as a whole: the words of `aggregated_job_state` with the states that each means (C-72). */
const AGGREGATES = new Map<string, readonly string[]>([
  ["PENDING", ["PENDING", "CONFIGURING", "RESV_DEL_HOLD", "REQUEUE_FED", "REQUEUE_HOLD", "REQUEUED", "RESIZING"]],
  ["RUNNING", ["RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT"]],
  ["COMPLETED", ["COMPLETED"]],
  [
    "FAILED",
    [
      ...["FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE"],
      ...["REVOKED", "SPECIAL_EXIT", "STOPPED", "SUSPENDED"],
    ],
  ],
]);

/** The states of an aggregate; none for a word that is no aggregate, also one in lower case (C-32). */
export function statesOf(aggregate: string): readonly string[] {
  return AGGREGATES.get(aggregate) ?? [];
}
