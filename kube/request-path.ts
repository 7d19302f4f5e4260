import type { Lane } from "./limiter.ts";

/** How a request shows in errors and metrics. */
export interface RequestLabels {
  /** Method and path without the query, for messages. */
  what: string;
  /** Kubernetes verb: get, list, watch, create, update, patch, delete, deletecollection. */
  verb: string;
  /** The path's plural, with the subresource where there is one (`pods/log`); never a name. */
  resource: string;
}

const WRITE_VERBS: Record<string, string> = { POST: "create", PUT: "update", PATCH: "patch" };
const PLURAL = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const SUBRESOURCE = /^[a-z]{1,30}$/;
const LONGEST_PATH_SHOWN = 300;

/** Derives the labels of a request; `method` may be `WATCH`. */
export function describeRequest(method: string, path: string): RequestLabels {
  const { plural, subresource, named } = parse(path);
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const shown = path.length <= LONGEST_PATH_SHOWN ? path : `${path.slice(0, LONGEST_PATH_SHOWN)}…`;
  return { what: `${method === "WATCH" ? "GET (watch)" : method} ${shown}`, verb: verbOf(method, named), resource };
}

/** The lane of a request whose caller names none. */
export function laneOf(method: string, resource: string): Lane {
  if (method === "GET") return "other";
  if (resource === "events") return "event";
  if (method === "POST") return "create";
  if (method === "DELETE") return "delete";
  return resource.endsWith("/status") ? "status" : "other";
}

/** Appends a query string; undefined values are left out. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>> | undefined,
): string {
  if (query === undefined) return path;
  let text = "";
  for (const name in query) {
    const value = query[name];
    if (value === undefined) continue;
    text += `${text === "" ? "?" : "&"}${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
  }
  return path + text;
}

function verbOf(method: string, named: boolean): string {
  if (method === "WATCH") return "watch";
  if (method === "DELETE") return named ? "delete" : "deletecollection";
  return WRITE_VERBS[method] ?? (named ? "get" : "list");
}

/** `/api/v1/[namespaces/NS/]PLURAL[/NAME[/SUB]]`, or `/apis/GROUP/VERSION/…`; a namespace is itself an object. */
function parse(path: string): { plural: string; subresource: string | undefined; named: boolean } {
  const parts = path.split("/");
  const start = parts[1] === "api" ? 3 : parts[1] === "apis" ? 4 : -1;
  if (start < 0 || parts.length <= start) return { plural: "other", subresource: undefined, named: true };
  const inner = parts[start + 2];
  const within = parts[start] === "namespaces" && inner !== undefined && inner !== "status" && inner !== "finalize";
  const at = within ? start + 2 : start;
  const plural = parts[at] ?? "";
  const subresource = parts[at + 2];
  return {
    plural: PLURAL.test(plural) ? plural : "other",
    subresource: subresource !== undefined && SUBRESOURCE.test(subresource) ? subresource : undefined,
    named: parts.length > at + 1,
  };
}
