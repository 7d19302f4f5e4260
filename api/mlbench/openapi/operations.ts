import { type Json, ref } from "./schemas.ts";

/** One operation of the MLBench API. */
export interface MlbenchOperation {
  summary: string;
  /** Values of the query. */
  query?: readonly Json[];
  /** Schema of the body; it may come as JSON, as a form or as multipart. */
  body?: Json;
  status?: number;
  /** The answer by media type; absent: it has no body. */
  replies?: Readonly<Record<string, Json>>;
  /** Statuses of errors of its own, with what they mean. */
  errors?: Readonly<Record<number, string>>;
}

const json = (schema: Json): Readonly<Record<string, Json>> => ({ "application/json": schema });
const list = (name: string): Json => ({ type: "array", items: ref(name) });
const query = (name: string, description: string, schema: Json = { type: "string" }): Json => ({
  ...{ name, in: "query", description, schema },
});
const TYPE = query("metric_type", "Whose metrics.", { enum: ["pod", "run"] });
const BYTES: Json = { type: "string", format: "binary" };
const TEXT: Json = { type: "string" };
const PODS: MlbenchOperation = { summary: "Lists the worker pods, oldest first.", replies: json(list("Pod")) };

/** Every operation of the MLBench API, by `method path`, without the slash that each path may end in. */
export const MLBENCH_OPERATIONS: Readonly<Record<string, MlbenchOperation>> = {
  "get /api": { summary: "Tells where the lists are.", replies: json(ref("Root")) },
  "get /api/pods": PODS,
  "get /api/nodes": { ...PODS, summary: "Lists the worker pods, by the older name of that list." },
  "get /api/runs": { summary: "Lists the runs, by their ids.", replies: json(list("Run")) },
  "post /api/runs": {
    summary: "Starts a run, or lets it wait until there is room for its workers.",
    body: ref("RunRequest"),
    status: 201,
    replies: json(ref("Run")),
    errors: { 400: "A field is missing or wrong.", 409: "An active run is in the way." },
  },
  "get /api/runs/{key}": {
    summary: "Shows a run with its output.",
    replies: json(ref("Run")),
    errors: { 404: "There is no such run." },
  },
  "delete /api/runs/{key}": {
    summary: "Ends and deletes a run with all that is kept of it.",
    status: 204,
    errors: { 404: "There is no such run." },
  },
  "get /api/runs/{key}/events": {
    summary: "Follows a run: its state, its output and its metrics, as server-sent events.",
    replies: { "text/event-stream": TEXT },
    errors: { 404: "There is no such run." },
  },
  "get /api/metrics": {
    summary: "Lists all metrics of live worker pods and of runs.",
    query: [TYPE],
    replies: json(ref("MetricsOfAll")),
    errors: { 400: "A parameter is wrong." },
  },
  "post /api/metrics": {
    summary: "Keeps a metric of a run or a pod, or up to 10,000 of them at once.",
    body: { anyOf: [ref("MetricRequest"), { type: "array", items: ref("MetricRequest"), maxItems: 10_000 }] },
    status: 201,
    replies: json({ anyOf: [ref("MetricEcho"), list("MetricEcho")] }),
    errors: { 400: "A field is missing or wrong.", 404: "There is no such pod or run." },
  },
  "get /api/metrics/{key}": {
    summary: "Shows or downloads the metrics of a pod, by its name, or of a run, by its id.",
    query: [
      TYPE,
      query("since", "Only metrics of that date and later."),
      query("metric_filter", "Name of the one metric that is wanted."),
      query("summarize", "Most entries of a metric; buckets of them are averaged.", { type: "integer", minimum: 0 }),
      query("last_n", "Only so many of the newest entries of each.", { type: "integer", minimum: 0 }),
      query("format", "Overrules Accept.", { enum: ["json", "html", "zip", "csv"] }),
    ],
    replies: { ...json(ref("MetricsOfOne")), "application/octet-stream": BYTES, "text/csv": TEXT },
    errors: { 400: "A parameter is wrong.", 404: "There is no such pod or run." },
  },
  "post /api/mpi_jobs": {
    summary: "Runs the older benchmark program over all worker pods, and answers when it has ended.",
    replies: json(ref("MpiJob")),
  },
};
