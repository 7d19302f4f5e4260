import type { Route } from "../../route.ts";
import type { VestaRoute } from "../route.ts";
import { VESTA_OPERATIONS, type VestaOperation } from "./operations.ts";
import { type Json, ref, VESTA_SCHEMAS } from "./schemas.ts";

type DescribedRoute = Pick<VestaRoute, "path" | "methods" | "guard" | "alwaysOk">;

/** Errors that every operation has (V-19). */
const COMMON: Readonly<Record<number, string>> = {
  404: "There is nothing at this path.",
  405: "The path does not take this method.",
  500: "A fault of the server.",
  503: "The API server or the store is out of reach, or the server is starting.",
};
const GUARDED: typeof COMMON = { 403: "The address is not on the allow-list." };

/** The names of a route's operations, in the order of its methods. */
export function operationKeys({ path, methods }: Pick<VestaRoute, "path" | "methods">): string[] {
  const shown = path.replace(/:(\w+)\*?/g, "{$1}");
  return (["GET", "POST", "DELETE"] as const)
    .filter((method) => methods[method] !== undefined)
    .map((method) => `${method.toLowerCase()} ${shown}`);
}

/** The OpenAPI 3.1 document of vesta. Each path may end in a slash as well. */
export function vestaDocument(routes: readonly DescribedRoute[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    for (const key of operationKeys(route)) {
      const operation = VESTA_OPERATIONS[key];
      if (operation === undefined) throw new Error(`${key} is not described`);
      const [method = "", path = ""] = key.split(" ");
      paths[path] = { ...paths[path], [method]: describe(method, path, route, operation) };
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "vesta", version: "1.2.5", description: "The GPUs of all machines at a glance." },
    servers: [{ url: "/" }],
    paths,
    components: { schemas: VESTA_SCHEMAS },
  };
}

/** GET /vesta/openapi.json. Like the descriptions of the other families it is open. */
export function vestaDocumentRoutes(routes: readonly VestaRoute[]): Route[] {
  const text = JSON.stringify(vestaDocument(routes));
  return [
    {
      method: "GET",
      path: "/vesta/openapi.json",
      access: "open",
      needsCaches: false,
      handle: (ctx) => {
        ctx.type = "json";
        ctx.body = text;
      },
    },
  ];
}

function describe(method: string, path: string, route: DescribedRoute, operation: VestaOperation): Json {
  const { summary, query = [], body, replies, errors = {} } = operation;
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      ...{ name, in: "path", required: true, schema: { type: "string", minLength: 1 } },
    })),
    ...query,
  ];
  const failures = { ...COMMON, ...(route.guard === "list" ? GUARDED : {}), ...errors };
  // Their errors have status 200 and are told apart by their bodies alone (V-19).
  const shown = route.alwaysOk === true ? {} : failures;
  const error: Json = { "application/json": { schema: ref("Error") } };
  return {
    operationId: operationId(method, path),
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: {
      ...(replies === undefined ? {} : { 200: { description: "Done.", content: contentOf(route, replies) } }),
      ...Object.fromEntries(
        Object.entries(shown).map(([code, description]) => [code, { description, content: error }]),
      ),
    },
  };
}

function contentOf({ alwaysOk }: DescribedRoute, replies: Readonly<Record<string, Json>>): Json {
  return Object.fromEntries(
    Object.entries(replies).map(([type, schema]) => [
      type,
      { schema: alwaysOk === true ? { anyOf: [schema, ref("Error")] } : schema },
    ]),
  );
}

/** A name that generated clients can give to the operation's function: `getStatesByHost`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[/_]/).filter((word) => word !== "");
  const named = words.map((word) => (word.startsWith("{") ? `by${capital(word.slice(1, -1))}` : word));
  return method + (named.length === 0 ? "Root" : named.map(capital).join(""));
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
