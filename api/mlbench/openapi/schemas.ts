/** A piece of the document: a JSON Schema, a parameter, a media type. */
export type Json = Record<string, unknown>;

/** A reference to a schema of the document. */
export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

const TEXT: Json = { type: "string" };
const INTEGER: Json = { type: "integer" };
const BOOLEAN: Json = { type: "boolean" };
const DATE: Json = { type: "string", format: "date-time" };
const mapOf = (schema: Json): Json => ({ type: "object", additionalProperties: schema });
const object = (properties: Record<string, Json>, required = Object.keys(properties)): Json => ({
  ...{ type: "object", properties, required },
});

const METRIC = { name: TEXT, value: TEXT, date: DATE, metadata: TEXT, cumulative: BOOLEAN };

/** Schemas that operations refer to by name. */
export const MLBENCH_SCHEMAS: Readonly<Record<string, Json>> = {
  Root: object({ pods: TEXT, runs: TEXT, metrics: TEXT }),
  Pod: object({
    name: TEXT,
    labels: { ...TEXT, description: "The labels as Python prints a dict." },
    phase: TEXT,
    ip: { ...TEXT, description: "Empty until there is one." },
  }),
  Run: object({
    id: INTEGER,
    name: TEXT,
    created_at: DATE,
    finished_at: { type: ["string", "null"], format: "date-time" },
    state: { enum: ["initialized", "started", "finished", "failed"] },
    job_id: TEXT,
    job_metadata: { type: "object", description: "Empty but in the answer that shows one run." },
    num_workers: INTEGER,
  }),
  RunRequest: object(
    {
      name: TEXT,
      num_workers: INTEGER,
      num_cpus: { type: "number" },
      image_name: TEXT,
      custom_image_name: TEXT,
      custom_image_command: TEXT,
      backend: TEXT,
      custom_backend: TEXT,
      run_all_nodes: BOOLEAN,
      gpu_enabled: BOOLEAN,
      light_target: BOOLEAN,
      max_bandwidth: { type: "number", description: "Mbit/s; a limit only where no image is named." },
    },
    ["name", "num_workers", "num_cpus"],
  ),
  Metric: object(METRIC),
  MetricEcho: object({ pod_name: TEXT, ...METRIC }, Object.keys(METRIC)),
  MetricRequest: object(
    {
      run_id: INTEGER,
      pod_name: TEXT,
      name: { ...TEXT, maxLength: 50 },
      date: TEXT,
      value: { type: ["string", "number"] },
      metadata: { type: ["string", "object", "array"] },
      cumulative: BOOLEAN,
    },
    ["name", "date", "value"],
  ),
  MetricsOfAll: {
    anyOf: [object({ pod_metrics: ref("MetricsByOwner"), run_metrics: ref("MetricsByOwner") }), ref("MetricsByOwner")],
  },
  MetricsByOwner: mapOf(mapOf({ type: "array", items: ref("Metric") })),
  MetricsOfOne: mapOf({ type: "array", items: object({ date: DATE, value: TEXT, cumulative: BOOLEAN }) }),
  MpiJob: object({ nodes: { type: "array" }, command: TEXT, master_name: TEXT, response: TEXT }),
  TransportError: object({ detail: TEXT }),
  ApplicationError: object({ status: TEXT, message: TEXT }),
};
