import type { LogOwner } from "../../store/log-archive.ts";
import type { CachedPod } from "../kinds/pod-state.ts";

/** Whose log a pod's is, as the archive keeps it. */
export function logOwner({ metadata, run, state, log }: CachedPod): LogOwner {
  const { uid, name, namespace = "", creationTimestamp = "" } = metadata;
  const { task, attempt } = state;
  return {
    podUid: uid,
    namespace,
    pod: name,
    runUid: run?.uid ?? "",
    run: run?.name ?? "",
    task,
    attempt,
    container: log.container,
    createdAt: creationTimestamp,
  };
}
