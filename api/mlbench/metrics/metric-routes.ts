import type { RouterContext } from "@koa/router";
import type { MetricEntry, MetricOwner, MlbenchMetrics } from "../../../store/mlbench-metrics.ts";
import { metricsOf } from "../body.ts";
import { formatOf, replyText } from "../reply.ts";
import { replyStream } from "../reply-stream.ts";
import type { MlbenchRoute } from "../route.ts";
import { CSV_HEADER, csvRow } from "./csv.ts";
import { podMembers, runMembers } from "./download.ts";
import { fullEntry, metricsJson, shortEntry } from "./metric-json.ts";
import type { MetricOwners, MetricPod, MetricRun } from "./metric-owners.ts";
import { type MetricQuery, metricQueryOf, metricTypeOf } from "./metric-query.ts";
import { readMetrics } from "./metric-reading.ts";
import { podNotFound, postedEntries, runOf } from "./posting.ts";
import { safeName } from "./safe-name.ts";
import { zipOf } from "./zip.ts";

/** What the routes of metrics are made of. */
export interface MetricParts {
  metrics: MlbenchMetrics;
  owners: MetricOwners;
}

/** Posting and reading of metrics (M-19 to M-33, M-68). */
export function metricRoutes(parts: MetricParts): MlbenchRoute[] {
  return [
    {
      path: "/metrics",
      methods: {
        GET: (ctx) => listAll(ctx, parts),
        async POST(ctx, caller) {
          const read = metricsOf(ctx);
          await parts.metrics.add(postedEntries(read, parts.owners, caller));
          replyText(ctx, 201, read.echo);
        },
      },
      body: { kind: "metrics" },
    },
    { path: "/metrics/:key", formats: ["zip", "csv"], methods: { GET: (ctx) => readOne(ctx, parts) } },
  ];
}

async function listAll(ctx: RouterContext, { metrics, owners }: MetricParts): Promise<void> {
  const type = metricTypeOf(ctx);
  const pods = (): AsyncGenerator<string, void> => {
    const live = owners.livePods().map(({ uid, name }) => ({ name, owner: `pod:${uid}` as const }));
    return ownersJson(metrics, live);
  };
  const runs = (): AsyncGenerator<string, void> => {
    // Of those that share a name the newest, in the place of the oldest.
    const newest = new Map(owners.runs().map(({ id, name }) => [name, { name, owner: `run:${id}` as const }]));
    return ownersJson(metrics, [...newest.values()]);
  };
  if (type === "pod") return await replyStream(ctx, pods());
  if (type === "run") return await replyStream(ctx, runs());
  await replyStream(ctx, bothJson(pods(), runs()));
}

async function* bothJson(
  pods: AsyncGenerator<string, void>,
  runs: AsyncGenerator<string, void>,
): AsyncGenerator<string, void> {
  yield '{"pod_metrics":';
  yield* pods;
  yield ',"run_metrics":';
  yield* runs;
  yield "}";
}

async function* ownersJson(
  metrics: MlbenchMetrics,
  owners: readonly { name: string; owner: MetricOwner }[],
): AsyncGenerator<string, void> {
  const textOf = (entry: MetricEntry): string => JSON.stringify(fullEntry(entry));
  let between = "{";
  for (const { name, owner } of owners) {
    yield `${between}${JSON.stringify(name)}:`;
    yield* metricsJson(readMetrics(metrics, owner, {}), textOf);
    between = ",";
  }
  yield owners.length === 0 ? "{}" : "}";
}

/** A pod or a run that a key names. */
type Named = { owner: MetricOwner; name: string } & ({ pod: MetricPod } | { run: MetricRun });

async function readOne(ctx: RouterContext, parts: MetricParts): Promise<void> {
  const type = metricTypeOf(ctx) ?? "pod";
  const query = metricQueryOf(ctx);
  const key = ctx.params.key ?? "";
  const named = type === "pod" ? await podNamed(key, parts.owners) : runNamed(key, parts.owners);
  const format = formatOf(ctx);
  if (format === "zip") return await replyZip(ctx, parts, named, query);
  if (format === "csv") return await replyStream(ctx, csvOf(parts.metrics, named.owner, query), "text/csv");
  const textOf = (entry: MetricEntry): string => JSON.stringify(shortEntry(entry));
  await replyStream(ctx, metricsJson(readMetrics(parts.metrics, named.owner, query), textOf));
}

async function replyZip(ctx: RouterContext, parts: MetricParts, named: Named, query: MetricQuery): Promise<void> {
  const { metrics, owners } = parts;
  ctx.status = 200;
  if (ctx.method === "HEAD") ctx.body = "";
  else {
    const members =
      "pod" in named ? podMembers(metrics, named.pod, query) : runMembers(metrics, owners, named.run, query);
    const archive = await zipOf(members);
    archive.once("error", () => ctx.res.destroy());
    ctx.body = archive;
  }
  ctx.remove("Content-Length");
  ctx.set("Content-Type", "application/octet-stream");
  ctx.set("Content-Disposition", `attachment; filename=metrics_${safeName(named.name)}.zip`);
}

async function podNamed(name: string, owners: MetricOwners): Promise<Named> {
  const pod = await owners.newestPod(name);
  if (pod === undefined) throw podNotFound();
  return { owner: `pod:${pod.uid}`, name: pod.name, pod };
}

function runNamed(id: string, owners: MetricOwners): Named {
  const run = runOf(id, owners);
  return { owner: `run:${run.id}`, name: run.name, run };
}

async function* csvOf(metrics: MlbenchMetrics, owner: MetricOwner, query: MetricQuery): AsyncGenerator<string, void> {
  yield CSV_HEADER;
  for await (const { name, entries } of readMetrics(metrics, owner, query)) {
    for await (const entry of entries) yield csvRow({ ...entry, name });
  }
}
