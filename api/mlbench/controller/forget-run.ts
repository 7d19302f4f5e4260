import type { Store } from "../../../store/store.ts";
import { runIdOf, type StoredPipeline } from "../runs/run-spec.ts";

/** Removes what the store has of a run that is being deleted: its metrics and output, its pods and their metrics (M-41, M-58). May be repeated. */
export async function forgetRun(
  store: Pick<Store, "mlbenchMetrics" | "mlbenchPods">,
  output: { drop(run: number): Promise<void> },
  run: StoredPipeline,
): Promise<void> {
  const id = runIdOf(run.metadata);
  if (id === undefined) return;
  const pods = await store.mlbenchPods.ofRun(id);
  const uids = new Set([
    ...pods.map(({ uid }) => uid),
    ...(run.status?.workers?.ranks ?? []).flatMap(({ uid }) => uid ?? []),
  ]);
  await store.mlbenchMetrics.drop([`run:${id}`, ...[...uids].map((uid) => `pod:${uid}` as const)]);
  await output.drop(id);
  // Last: it is by them that the metrics of the pods are found again.
  await store.mlbenchPods.drop([...uids]);
}
