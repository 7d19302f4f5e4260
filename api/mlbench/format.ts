import { notFound, TransportError } from "./mlbench-error.ts";
import type { MlbenchFormat, MlbenchRoute } from "./route.ts";

/** The format that a suffix or `?format=` forces; undefined where neither does. Throws a 404 for one that the route does not offer (M-8). */
export function forcedFormat(
  route: Pick<MlbenchRoute, "formats">,
  suffix: string | undefined,
  query: string | undefined,
): MlbenchFormat | undefined {
  const name = suffix ?? (query || undefined);
  if (name === undefined) return undefined;
  // Pages of HTML were a view of the same data, which is given as it is.
  if (name === "json" || name === "html") return "json";
  const offered = route.formats?.find((format) => format === name);
  if (offered === undefined) throw notFound();
  return offered;
}

/** Media types that all mean JSON. */
const JSON_RANGES = new Set(["*/*", "application/*", "application/json", "text/html"]);
/** The seed's own media type, and the range that names it. */
const SCRIPT_RANGES = new Set(["text/javascript", "text/*"]);

/** What `Accept` asks for; throws a 406 if that is nothing we have (M-7). */
export function acceptedFormat(accept: string): MlbenchFormat {
  if (accept === "*/*" || accept.trim() === "") return "json";
  const ranges = accept.split(",").map(rangeOf);
  if (ranges.some((range) => JSON_RANGES.has(range))) return "json";
  if (ranges.some((range) => SCRIPT_RANGES.has(range))) return "text/javascript";
  throw new TransportError(406, "Could not satisfy the request Accept header.");
}

/** The media range of one entry, without its parameters; empty if its weight says that it is not wanted. */
function rangeOf(entry: string): string {
  const [range = "", ...parameters] = entry.split(";").map((piece) => piece.trim().toLowerCase());
  const refused = parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter));
  return refused ? "" : range;
}
