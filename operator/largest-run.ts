import type { Pipeline } from "../crds/generated/types.ts";

/**
 * The size of the largest run's object. Only the run with the most tasks is measured, and only when it has changed: writing a large one out takes
 * milliseconds.
 */
export class LargestRun {
  #most = -1;
  #run: Pipeline | undefined;
  #measured = "";
  #bytes = 0;

  /** Begins a look at all runs. */
  begin(): void {
    this.#most = -1;
    this.#run = undefined;
  }

  look(run: Pipeline): void {
    const tasks = run.status?.counts?.total ?? run.spec.tasks?.length ?? 0;
    if (tasks <= this.#most) return;
    this.#most = tasks;
    this.#run = run;
  }

  /** Bytes of the largest of those looked at; 0 where there was none. */
  bytes(): number {
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined) return 0;
    const version = `${run.metadata.uid} ${run.metadata.resourceVersion}`;
    if (version !== this.#measured) {
      this.#measured = version;
      this.#bytes = Buffer.byteLength(JSON.stringify(run));
    }
    return this.#bytes;
  }
}
