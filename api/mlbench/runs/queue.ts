/** A run as far as the queue looks at it. */
export interface QueuedRun {
  id: number;
  workers: number;
}

/**
 * The runs that start now, in the order in which they do (M-55): the waiting ones are walked by the number of their workers, then by id; the first that
 * does not fit into what is free ends the walk.
 */
export function admissions<T extends QueuedRun>(waiting: readonly T[], free: number): T[] {
  const admitted: T[] = [];
  let left = free;
  for (const run of [...waiting].sort((a, b) => a.workers - b.workers || a.id - b.id)) {
    if (run.workers > left) break;
    left -= run.workers;
    admitted.push(run);
  }
  return admitted;
}
