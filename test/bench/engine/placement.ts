import { availableParallelism } from "node:os";
import { run } from "../../../local/command.ts";

/** Which processors the processes of a measurement may use. */
export const PLACEMENTS = ["controller", "split", "free"] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** What each placement means, in words for the report. */
export const PLACEMENT_TEXT: Record<Placement, string> = {
  controller: "the controller under test is bound to the last processor, everything else may use all of them",
  split: "the controller under test is bound to the last processor, everything else to the others",
  free: "nothing is bound to a processor",
};

/** The processors for the two sides, as `taskset -c` takes them; undefined: not bound. */
export function processorsOf(
  placement: Placement,
  processors: number = availableParallelism(),
): { controller: string | undefined; others: string | undefined } {
  const last = processors - 1;
  if (placement === "free" || processors < 2) return { controller: undefined, others: undefined };
  const others = last === 1 ? "0" : `0-${last - 1}`;
  return { controller: String(last), others: placement === "split" ? others : undefined };
}

/** Binds a running process, with all its threads and those it will start, to processors. */
export async function bind(pid: number, processors: string | undefined): Promise<void> {
  if (processors !== undefined) await run("taskset", ["-a", "-p", "-c", processors, String(pid)]);
}
