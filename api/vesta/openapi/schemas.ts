/** A piece of the document: a JSON Schema, a parameter, a media type. */
export type Json = Record<string, unknown>;

/** A reference to a schema of the document. */
export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

const TEXT: Json = { type: "string" };
const INTEGER: Json = { type: "integer" };
const COUNT: Json = { ...INTEGER, minimum: 0 };
/** Senders may write numbers as texts (V-28). Beyond these bounds a number is not told exactly, and is refused; a count below 0, too. */
const sent = (minimum: number, sign: string): Json => ({
  anyOf: [
    { ...INTEGER, minimum, maximum: Number.MAX_SAFE_INTEGER },
    { type: "string", pattern: `^\\s*${sign}\\d{1,15}\\s*$` },
  ],
});
const SENT_INTEGER = sent(-Number.MAX_SAFE_INTEGER, "[+-]?");
const SENT_COUNT = sent(0, "\\+?");
const object = (properties: Record<string, Json>, required = Object.keys(properties)): Json => ({
  ...{ type: "object", properties, required },
});
const mapOf = (schema: Json): Json => ({ type: "object", additionalProperties: schema });
const OK = { status: { const: "OK" }, status_code: { const: 200 } };

const figures = (integer: Json, count: Json): Record<string, Json> => ({
  device_num: count,
  uuid: TEXT,
  gpu_name: TEXT,
  timestamp: { ...TEXT, description: "When the host looked, `YYYY/MM/DD hh:mm:ss.mmm` by its own clock." },
  temperature: { ...integer, description: "In degrees Celsius." },
  total_memory: { ...count, description: "In MiB, as all memory is." },
  available_memory: count,
  used_memory: count,
  gpu_volatile: { ...count, description: "Utilisation in per cent." },
});
const process = (count: Json): Json => object({ pid: TEXT, name: TEXT, user: TEXT, used_memory: count });
const PAST_VALUES: Json = { type: "array", items: { type: ["integer", "null"] } };
const GPU_KEY = { pattern: "^gpu:\\d+$" };

/** Schemas that operations refer to by name. */
export const VESTA_SCHEMAS: Readonly<Record<string, Json>> = {
  States: { ...mapOf(ref("HostState")), description: "By the names of hosts, in display order." },
  HostState: object({
    data: { type: "array", items: ref("Entry"), minItems: 1 },
    ip_address: TEXT,
    status: { enum: ["running", "waiting for re-uplink", "down"] },
    source: { enum: ["node", "sender"] },
  }),
  Entry: object({
    gpu_data: {
      ...mapOf(ref("Gpu")),
      propertyNames: GPU_KEY,
      description: "By `gpu:<n>`; empty where nothing is known.",
    },
    timestamp: { ...TEXT, description: "The server's time, or `no entry received.`" },
  }),
  Gpu: object({
    ...figures(INTEGER, COUNT),
    processes: {
      type: "array",
      items: process(COUNT),
      description: "Processes, or the containers that hold the GPU.",
    },
  }),
  Payload: {
    ...mapOf(ref("SentGpu")),
    ...{
      propertyNames: GPU_KEY,
      maxProperties: 256,
      description: "The GPUs of a machine by `gpu:<n>`; at most 1 MiB.",
    },
  },
  SentGpu: object(
    { ...figures(SENT_INTEGER, SENT_COUNT), processes: { type: "array", items: process(SENT_COUNT) } },
    Object.keys(figures(SENT_INTEGER, SENT_COUNT)),
  ),
  Registration: object({ id: TEXT, register_name: TEXT, ...OK }),
  Done: object(OK),
  Element: object({ element: { ...TEXT, description: "HTML." }, found: { type: "boolean" } }),
  Past: {
    ...object({
      times: { type: "array", items: { type: "number" }, description: "Seconds since 1970, ascending." },
      gpus: { ...mapOf(ref("PastFigures")), propertyNames: GPU_KEY },
    }),
    ...{
      description:
        "Not in the original. Each list has one value for each time, null where the GPU was not there or did not say. Of more rows than there may be times, the first of each of so many equal spans of time is given, and the newest.",
    },
  },
  PastFigures: object({
    utilisation: { ...PAST_VALUES, description: "In per cent." },
    memory: { ...PAST_VALUES, description: "Used memory in per cent." },
    temperature: { ...PAST_VALUES, description: "In degrees Celsius." },
    power: { ...PAST_VALUES, description: "In watts." },
  }),
  Error: object({ status: { const: "ERROR" }, status_code: INTEGER, message: TEXT }),
};
