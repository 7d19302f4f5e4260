import { ERRORS } from "../errors.ts";
import { APP } from "./app.ts";
import { AUTH } from "./auth.ts";
import { JOB_WRITING } from "./job-writing.ts";
import { JOBS } from "./jobs.ts";
import { NODES } from "./nodes.ts";
import type { Example, Json, Operation, Section } from "./operation.ts";
import { PIPELINES } from "./pipelines.ts";
import { PROBLEM_SCHEMAS } from "./problem.ts";
import { RESOURCES } from "./resources.ts";
import { SERVER } from "./server.ts";
import { USERS } from "./users.ts";

/** Media type of errors as the document names it: without parameters. */
const PROBLEM = "application/problem+json";

/** Every family of routes under /v1, in the order in which the document shows them. */
export const SECTIONS: Readonly<Record<string, Section>> = {
  server: SERVER,
  app: APP,
  auth: AUTH,
  users: USERS,
  jobs: JOBS,
  "jobs and files": JOB_WRITING,
  pipelines: PIPELINES,
  resources: RESOURCES,
  nodes: NODES,
};

/** All operations with the name of their section, by `method path`. */
export function allOperations(): Map<string, Operation & { section: string }> {
  return new Map(
    Object.entries(SECTIONS).flatMap(([section, { operations }]) =>
      Object.entries(operations).map(([key, operation]) => [key, { ...operation, section }] as const),
    ),
  );
}

/** The OpenAPI 3.1 document of the routes under /v1 (O-58). */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const [key, operation] of allOperations()) {
    const [method = "", path = ""] = key.split(" ");
    paths[path] = { ...paths[path], [method]: describe(key, operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Odin", version: "1", description: "Machine-learning pipelines on Kubernetes." },
    tags: Object.entries(SECTIONS).flatMap(([name, { operations }]) =>
      Object.keys(operations).length > 0 ? [{ name }] : [],
    ),
    paths,
    components: {
      schemas: Object.assign({}, PROBLEM_SCHEMAS, ...Object.values(SECTIONS).map(({ schemas }) => schemas)) as Json,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        basic: { type: "http", scheme: "basic" },
      },
    },
  };
}

function describe(key: string, operation: Operation & { section: string }): Json {
  const { summary, section, auth, parameters = [], body, bodyOptional = false, reply, examples } = operation;
  const credential = [{ token: [] }, { basic: [] }];
  return {
    operationId: operationId(key),
    tags: [section],
    summary,
    security: auth === "always" ? credential : auth === "reads" ? [...credential, {}] : [],
    ...(parameters.length === 0
      ? {}
      : { parameters: parameters.map((parameter) => withParameterExamples(parameter, examples)) }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: !bodyOptional, content: withBodyExamples(body, examples) } }),
    responses: {
      200: { description: "Done.", content: withReplyExamples(reply, examples, 200) },
      ...Object.fromEntries(
        errorStatuses(operation).map((status) => [
          status,
          {
            description: titles(status),
            content: withReplyExamples(
              { [PROBLEM]: { schema: { $ref: "#/components/schemas/Problem" } } },
              examples,
              status,
            ),
          },
        ]),
      ),
    },
  };
}

/** Error statuses of an operation: its own, and those that come from what is common to all. */
function errorStatuses({ auth, errors }: Operation): number[] {
  const shared = [400, ...(auth === "reads" ? [401] : []), 500, ...(auth === "never" ? [] : [429, 503])];
  return [...new Set([...errors, ...shared])].sort((a, b) => a - b);
}

/** A name that generated clients can give to the operation's function: `getPipelinesByIdLogs`. */
function operationId(key: string): string {
  const [method = "", path = ""] = key.split(" ");
  const words = path
    .replace(/^\/v1/, "")
    .split(/[/.]/)
    .filter((word) => word !== "")
    .map((word) => (word.startsWith("{") ? `By${capital(word.slice(1, -1))}` : capital(word)));
  return `${method}${words.join("")}`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function withParameterExamples(parameter: Json, examples: readonly Example[]): Json {
  const name = String(parameter.name);
  const values = examples.flatMap(({ summary, parameters }) => {
    const value = parameters?.[name];
    return value === undefined ? [] : [{ summary, value }];
  });
  return values.length === 0 ? parameter : { ...parameter, examples: named(values) };
}

function withBodyExamples(body: Json, examples: readonly Example[]): Json {
  const [first = ""] = Object.keys(body);
  return withExamples(body, (mediaType) =>
    examples
      .filter((example) => example.body !== undefined && (example.bodyType ?? first) === mediaType)
      .map(({ summary, body: value }) => ({ summary, value })),
  );
}

function withReplyExamples(reply: Json, examples: readonly Example[], status: number): Json {
  const [first = ""] = Object.keys(reply);
  return withExamples(reply, (mediaType) =>
    examples
      .filter((example) => (example.status ?? 200) === status && (example.replyType ?? first) === mediaType)
      .map(({ summary, reply: value }) => ({ summary, value })),
  );
}

function withExamples(content: Json, of: (mediaType: string) => { summary: string; value: unknown }[]): Json {
  return Object.fromEntries(
    Object.entries(content).map(([mediaType, value]) => {
      const examples = of(mediaType);
      return [mediaType, examples.length === 0 ? value : { ...(value as Json), examples: named(examples) }];
    }),
  );
}

/** Examples by a key, which the specification wants and nobody reads. */
function named(examples: readonly { summary: string; value: unknown }[]): Json {
  return Object.fromEntries(examples.map((example, index) => [`example${index + 1}`, example]));
}

function titles(status: number): string {
  const found = Object.values(ERRORS).filter((kind) => kind.status === status);
  return `${found.map(({ title }) => title).join("; ")}.`;
}
