import type { Route } from "../route.ts";
import { JOB_OPERATIONS, KEY_OPERATIONS } from "./openapi/job-operations.ts";
import { NODE_OPERATIONS } from "./openapi/node-operations.ts";
import type { ClockworkOperation, ClockworkOperations, Json } from "./openapi/operation.ts";
import { CLOCKWORK_SCHEMAS } from "./openapi/schemas.ts";
import { type ClockworkRoute, PREFIXES } from "./route.ts";

/** Every operation of the Clockwork API, by `method path`. */
export const CLOCKWORK_OPERATIONS: ClockworkOperations = { ...JOB_OPERATIONS, ...NODE_OPERATIONS, ...KEY_OPERATIONS };

/** The name of a route's operation. */
export function operationKey({ method, path }: Pick<ClockworkRoute, "method" | "path">): string {
  return `${method.toLowerCase()} ${path.replace(/:(\w+)/g, "{$1}")}`;
}

/** Errors that every operation has (C-6). */
const COMMON: Readonly<Record<number, readonly string[]>> = {
  401: ["Authorization error."],
  405: ["Method not allowed."],
  429: ["Too many failed attempts."],
  431: ["Request header fields too large."],
  500: ["Internal error."],
  503: ["Service unavailable."],
};

/** The OpenAPI 3.1 document of the routes of the Clockwork API, below both of its prefixes (C-1). */
export function clockworkDocument(routes: readonly Pick<ClockworkRoute, "method" | "path">[]): Json {
  const paths: Record<string, Json> = {};
  for (const key of routes.map(operationKey)) {
    const operation = CLOCKWORK_OPERATIONS[key];
    if (operation === undefined) throw new Error(`${key} is not described`);
    const [method = "", path = ""] = key.split(" ");
    paths[path] = { ...paths[path], [method]: describe(key, operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Clockwork", version: "1", description: "The cluster as jobs, nodes and GPUs." },
    servers: PREFIXES.map((url) => ({ url })),
    paths,
    components: {
      schemas: CLOCKWORK_SCHEMAS,
      securitySchemes: {
        key: { type: "http", scheme: "basic", description: "E-mail and API key." },
        bearer: { type: "http", scheme: "bearer", description: "API key, or a token of the Odin API." },
        odin: { type: "http", scheme: "bearer", description: "A token of the Odin API; or Basic with its password." },
      },
    },
  };
}

/** GET /clockwork/openapi.json: the description of everything below /api/v1. Like that of the Odin API it is open. */
export function clockworkDocumentRoutes(routes: readonly ClockworkRoute[]): Route[] {
  const text = JSON.stringify(clockworkDocument(routes));
  return [
    {
      method: "GET",
      path: "/clockwork/openapi.json",
      access: "open",
      needsCaches: false,
      handle: (ctx) => {
        ctx.type = "json";
        ctx.body = text;
      },
    },
  ];
}

function describe(key: string, { summary, parameters, body, reply, errors = {}, odinOnly }: ClockworkOperation): Json {
  const statuses = [...new Set([...Object.keys(COMMON), ...Object.keys(errors)])].map(Number).sort((a, b) => a - b);
  return {
    operationId: operationId(key),
    summary,
    security: odinOnly === true ? [{ odin: [] }] : [{ key: [] }, { bearer: [] }],
    ...(parameters === undefined ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { content: body } }),
    responses: {
      200: { description: "Done.", content: { "application/json": { schema: reply } } },
      ...Object.fromEntries(
        statuses.map((status) => [
          status,
          {
            description: [...(errors[status] ?? []), ...(COMMON[status] ?? [])]
              .map((text) => JSON.stringify(text))
              .join(" or "),
            content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
          },
        ]),
      ),
    },
  };
}

/** A name that generated clients can give to the operation's function: `getJobsList`. */
function operationId(key: string): string {
  const words = key.split(/[ /_]/).map((word) => (word.startsWith("{") ? `by-${word.slice(1, -1)}` : word));
  return words
    .join("-")
    .split("-")
    .filter((word) => word !== "")
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join("");
}
