import { ERRORS } from "./errors.ts";
import { SCHEMAS } from "./openapi-schemas.ts";

type Json = Record<string, unknown>;

interface Operation {
  summary: string;
  /** Whether a credential is always, never or by the setting needed. */
  auth: "always" | "never" | "reads";
  parameters?: Json[];
  body?: Json;
  reply: Json;
  /** Error statuses beyond those that every operation has. */
  errors: number[];
}

const ref = (name: keyof typeof SCHEMAS): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ "application/json": { schema } });
const listOf = (key: string, name: keyof typeof SCHEMAS): Json => ({
  type: "object",
  required: [key],
  properties: { [key]: { type: "array", items: ref(name) } },
});
const oneOf = (key: string, name: keyof typeof SCHEMAS): Json => ({
  type: "object",
  required: [key],
  properties: { [key]: ref(name) },
});
/** An empty value counts as absent (O-8). */
const query = (name: string, description: string, schema: Json): Json => ({
  name,
  in: "query",
  description,
  schema,
  allowEmptyValue: true,
});
const boolean = (name: string, description: string): Json =>
  query(name, description, { type: "string", enum: ["True", "False", "true", "false", "1", "0", ""] });
const search = query("q", "Case-insensitive substring; * stands for any run of characters.", { type: "string" });
const id = (description: string): Json => ({
  name: "id",
  in: "path",
  required: true,
  description,
  schema: { type: "string" },
});
const pipelineId = id("Id of the pipeline, exactly.");
const resourceId = id("Id of a pipeline or of a task, or the name of a task's pod.");
const cleanupFlags = [
  boolean("db", "Remove the record too; afterwards the id is unknown."),
  boolean("fs", "Remove the run's directory too, where this server can."),
];

const startPipeline: Operation = {
  summary: "Start a run of a job.",
  auth: "always",
  body: json(ref("Launch")),
  reply: json(oneOf("pipeline", "Launched")),
  errors: [400, 401, 404, 413, 415, 422],
};
const stopPipeline = (reply: Json): Operation => ({
  summary: "Stop a run and delete what it created.",
  auth: "always",
  parameters: [pipelineId, ...cleanupFlags],
  reply: json(reply),
  errors: [401, 404, 422],
});

/** Everything under /v1, by method and path. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  "get /v1/ping": {
    summary: "Say that the server is there.",
    auth: "never",
    reply: json({ const: "pong" }),
    errors: [],
  },
  "post /v1/auth": {
    summary: "Log in.",
    auth: "never",
    body: { ...json(ref("Login")), "application/x-www-form-urlencoded": { schema: ref("Login") } },
    reply: json(ref("Token")),
    errors: [400, 401, 413, 415, 422, 429],
  },
  "get /v1/jobs": {
    summary: "List jobs.",
    auth: "reads",
    parameters: [search],
    reply: json(listOf("jobs", "Job")),
    errors: [422],
  },
  "get /v1/jobs/{id}": {
    summary: "Show a job.",
    auth: "reads",
    parameters: [id("Id of the job; __ stands for /.")],
    reply: json(oneOf("job", "Job")),
    errors: [404],
  },
  "get /v1/pipelines": {
    summary: "List runs, the newest first. If the list is cut, the header X-Total-Count has the full number.",
    auth: "reads",
    parameters: [
      search,
      query("limit", "Most runs in the reply.", { type: "integer", minimum: 1, maximum: 1000, default: 1000 }),
    ],
    reply: json(listOf("pipelines", "Pipeline")),
    errors: [422],
  },
  "post /v1/pipelines": startPipeline,
  "get /v1/pipelines/{id}": {
    summary: "Show a run.",
    auth: "reads",
    parameters: [pipelineId],
    reply: json(oneOf("pipeline", "Pipeline")),
    errors: [404],
  },
  "delete /v1/pipelines/{id}": stopPipeline(listOf("cleanups", "Cleanup")),
  "post /v1/pipeline": startPipeline,
  "delete /v1/pipeline/{id}": stopPipeline({ type: "array", items: ref("Cleanup") }),
  "get /v1/resources/{id}/data": {
    summary: "Show the record of a run or a task.",
    auth: "reads",
    parameters: [resourceId],
    reply: json(ref("Data")),
    errors: [404],
  },
  "get /v1/resources/{id}/events": {
    summary: "List what happened to a run or a task, the oldest first; never empty.",
    auth: "reads",
    parameters: [resourceId],
    reply: json(listOf("events", "Event")),
    errors: [404],
  },
  "get /v1/resources/{id}/logs": {
    summary: "Show the logs of a run or a task as one JSON string, or follow them as text.",
    auth: "reads",
    parameters: [
      resourceId,
      query("lines", "Last lines of each pod.", { type: "integer", minimum: 0, maximum: 1_000_000 }),
      query("container", "Container; left out: the task's.", { type: "string" }),
      boolean("follow", "Stream the text until the task ends."),
    ],
    reply: { ...json({ type: "string" }), "text/plain": { schema: { type: "string" } } },
    errors: [404, 422],
  },
  "get /v1/openapi.json": {
    summary: "Show this document.",
    auth: "never",
    reply: json({ type: "object" }),
    errors: [],
  },
};

/** The OpenAPI 3.1 document of the routes under /v1 (O-58). */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const [key, operation] of Object.entries(OPERATIONS)) {
    const [method = "", path = ""] = key.split(" ");
    paths[path] = { ...paths[path], [method]: describe(operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Odin", version: "1", description: "Machine-learning pipelines on Kubernetes." },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        basic: { type: "http", scheme: "basic" },
      },
    },
  };
}

function describe({ summary, auth, parameters, body, reply, errors }: Operation): Json {
  const statuses = [
    ...new Set([...errors, ...(auth === "reads" ? [401] : []), 500, ...(auth === "never" ? [] : [503])]),
  ].sort();
  const credential = [{ token: [] }, { basic: [] }];
  return {
    summary,
    security: auth === "always" ? credential : auth === "reads" ? [...credential, {}] : [],
    ...(parameters === undefined ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: body } }),
    responses: {
      200: { description: "Done.", content: reply },
      ...Object.fromEntries(
        statuses.map((status) => [
          status,
          { description: titles(status), content: { "application/problem+json": { schema: ref("Problem") } } },
        ]),
      ),
    },
  };
}

function titles(status: number): string {
  const found = Object.values(ERRORS).filter((kind) => kind.status === status);
  return `${found.map(({ title }) => title).join("; ")}.`;
}
