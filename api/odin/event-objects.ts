import type { LogEntry } from "../../store/log-archive.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import { logTargets } from "./log-source.ts";
import { type FoundResource, isPod } from "./resource.ts";

/** Names of the objects whose events are those of a run, a task or one pod: the tasks' objects, and their pods, those included that only the archive still knows (O-222). */
export function eventObjects(view: ClusterView, found: FoundResource, kept: readonly LogEntry[] = []): string[] {
  const { run, task, pod } = found;
  const pods = logTargets(view, found, kept).map(({ name }) => name);
  if (pod !== undefined) return pods;
  const others = run.tasks
    .filter((candidate) => !isPod(candidate) && (task === undefined || task.name === candidate.name))
    .flatMap(({ name }) => run.pipeline.status?.tasks?.[name]?.pod ?? []);
  return [...new Set([...others, ...pods])];
}
