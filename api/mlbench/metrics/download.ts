import type { MetricOwner, MetricRange, MlbenchMetrics } from "../../../store/mlbench-metrics.ts";
import { downloadJson } from "./metric-json.ts";
import type { MetricOwners, MetricPod, MetricRun } from "./metric-owners.ts";
import type { MetricQuery } from "./metric-query.ts";
import { readMetric } from "./metric-reading.ts";
import type { ZipMember } from "./zip.ts";

/** What a benchmark says at its end; it is no series of measurements (M-27). */
const RESULT = "TaskResult";
/** The metric that holds the result of the whole run (M-26). */
const OFFICIAL_RESULT = "TaskResult @ 0";

type DownloadQuery = Omit<MetricQuery, "last"> & MetricRange;

/** The files of a pod's download: one for each metric (M-26, M-27). */
export function podMembers(
  metrics: MlbenchMetrics,
  pod: MetricPod,
  query: MetricQuery,
): AsyncGenerator<ZipMember, void> {
  return jsonMembers(metrics, `pod:${pod.uid}`, "result", withoutLast(query));
}

/** The files of a run's download: its metrics, its result, and the metrics of every pod it has had, as far as they are of its time (M-26, M-27). */
export async function* runMembers(
  metrics: MlbenchMetrics,
  owners: Pick<MetricOwners, "podsOfRun">,
  run: MetricRun,
  query: MetricQuery,
): AsyncGenerator<ZipMember, void> {
  const since = run.createdAt > query.since ? run.createdAt : query.since;
  const ofRun = { ...withoutLast(query), since, ...(run.finishedAt === null ? {} : { until: run.finishedAt }) };
  const owner: MetricOwner = `run:${run.id}`;
  yield* jsonMembers(metrics, owner, "result", ofRun);
  if (query.metric === undefined || query.metric === OFFICIAL_RESULT) {
    for await (const { value } of metrics.lastEntries(owner, OFFICIAL_RESULT, 1, ofRun)) {
      yield {
        name: "official_result.txt",
        async *text() {
          yield value;
        },
      };
    }
  }
  for (const { uid, name } of await owners.podsOfRun(run.id)) {
    yield* jsonMembers(metrics, `pod:${uid}`, name, ofRun);
  }
}

async function* jsonMembers(
  metrics: MlbenchMetrics,
  owner: MetricOwner,
  prefix: string,
  query: DownloadQuery,
): AsyncGenerator<ZipMember, void> {
  for await (const name of query.metric === undefined ? metrics.names(owner) : [query.metric]) {
    if (name.includes(RESULT) || !(await metrics.has(owner, name, query))) continue;
    yield { name: `${prefix}_${name}.json`, text: () => downloadJson(readMetric(metrics, owner, name, query)) };
  }
}

function withoutLast({ last: _, ...query }: MetricQuery): Omit<MetricQuery, "last"> {
  return query;
}
