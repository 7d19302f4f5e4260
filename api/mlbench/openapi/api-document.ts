import type { Route } from "../../route.ts";
import { BODY_TYPES } from "../body.ts";
import type { MlbenchRoute } from "../route.ts";
import { MLBENCH_OPERATIONS, type MlbenchOperation } from "./operations.ts";
import { type Json, MLBENCH_SCHEMAS, ref } from "./schemas.ts";

/** Errors that every operation has (M-9, M-10, M-14). */
const COMMON: Readonly<Record<number, [description: string, schema: string]>> = {
  401: ["A credential is needed, or the one that was sent is not good.", "ApplicationError"],
  404: ["There is nothing at this path, or not in this format.", "TransportError"],
  405: ["The path does not take this method.", "TransportError"],
  406: ["None of the media types asked for can be given.", "TransportError"],
  500: ["A fault of the server.", "ApplicationError"],
  503: ["The API server or the store is out of reach, or the server is starting.", "ApplicationError"],
};
/** Errors of everything that is posted. */
const OF_BODIES: typeof COMMON = {
  400: ["The body is malformed.", "TransportError"],
  413: ["The body has more than 8 MiB.", "TransportError"],
  415: ["The body has a media type that is not read.", "TransportError"],
};
/** Errors of everything that changes something. */
const OF_CHANGES: typeof COMMON = {
  403: ["The request comes from a page of another site, without a credential.", "ApplicationError"],
};

/** The names of a route's operations, in the order of its methods. */
export function operationKeys({ path, methods }: Pick<MlbenchRoute, "path" | "methods">): string[] {
  const shown = `/api${path}`.replace(/:(\w+)/g, "{$1}");
  return (["GET", "POST", "DELETE"] as const)
    .filter((method) => methods[method] !== undefined)
    .map((method) => `${method.toLowerCase()} ${shown}`);
}

/** The OpenAPI 3.1 document of the MLBench API. Each path may end in a slash as well. */
export function mlbenchDocument(routes: readonly Pick<MlbenchRoute, "path" | "methods">[]): Json {
  const paths: Record<string, Json> = {};
  for (const key of routes.flatMap(operationKeys)) {
    const operation = MLBENCH_OPERATIONS[key];
    if (operation === undefined) throw new Error(`${key} is not described`);
    const [method = "", path = ""] = key.split(" ");
    paths[path] = { ...paths[path], [method]: describe(method, path, operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "MLBench", version: "3.0", description: "Distributed benchmark runs, their workers and metrics." },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: MLBENCH_SCHEMAS,
      securitySchemes: {
        basic: { type: "http", scheme: "basic", description: "User and password of the Odin API." },
        bearer: { type: "http", scheme: "bearer", description: "A token of the Odin API." },
      },
    },
  };
}

/** GET /mlbench/openapi.json. Like the descriptions of the other families it is open. */
export function mlbenchDocumentRoutes(routes: readonly MlbenchRoute[]): Route[] {
  const text = JSON.stringify(mlbenchDocument(routes));
  return [
    {
      method: "GET",
      path: "/mlbench/openapi.json",
      access: "open",
      needsCaches: false,
      handle: (ctx) => {
        ctx.type = "json";
        ctx.body = text;
      },
    },
  ];
}

function describe(method: string, path: string, operation: MlbenchOperation): Json {
  const { summary, query = [], body, status = 200, replies, errors = {} } = operation;
  const isPost = method === "post";
  const own = Object.fromEntries(
    Object.entries(errors).map(([code, text]): [string, [string, string]] => [code, [text, "ApplicationError"]]),
  );
  const known = { ...COMMON, ...(isPost ? OF_BODIES : {}), ...(method === "get" ? {} : OF_CHANGES) };
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      ...{ name, in: "path", required: true, schema: { type: "string", pattern: "^[^/.]+$" } },
    })),
    ...query,
  ];
  const failures = Object.entries<readonly [string, string]>({ ...known, ...own }).map(([code, [text, schema]]) => [
    code,
    { description: text, content: { "application/json": { schema: ref(schema) } } },
  ]);
  return {
    operationId: operationId(method, path),
    summary,
    // Local callers and workers need none (M-14).
    security: [{}, { basic: [] }, { bearer: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { content: Object.fromEntries(BODY_TYPES.map((type) => [type, { schema: body }])) } }),
    responses: {
      [status]: {
        description: "Done.",
        ...(replies === undefined
          ? {}
          : { content: Object.fromEntries(Object.entries(replies).map(([type, schema]) => [type, { schema }])) }),
      },
      ...Object.fromEntries(failures),
    },
  };
}

/** A name that generated clients can give to the operation's function: `getApiRunsByKey`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[/_]/).filter((word) => word !== "");
  const named = words.map((word) => (word.startsWith("{") ? `by${capital(word.slice(1, -1))}` : word));
  return method + named.map(capital).join("");
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
