import type { MlbenchRoute } from "./route.ts";

/** A path below /api, taken apart. */
export interface MlbenchPath {
  segments: readonly string[];
  /** The format at its end: `json` of `/api/pods.json` (M-8). */
  suffix?: string;
}

/**
 * Takes a path apart as the clients write it: with or without one slash at its end (M-4), or with a suffix in its place (M-8). Undefined for a path that
 * no route can have: a segment is never empty and holds no dot.
 */
export function parsePath(path: string): MlbenchPath | undefined {
  let text: string;
  try {
    text = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  const below = /^\/api(?:\/(.*))?$/s.exec(text);
  if (below === null) return undefined;
  const [, rest = "", suffix] = /^(.*?)(?:\/|\.([a-z0-9]+))?$/s.exec(below[1] ?? "") ?? [];
  if (below[1] === "/") return undefined;
  const segments = rest === "" ? [] : rest.split("/");
  if (segments.some((segment) => segment === "" || segment.includes("."))) return undefined;
  return { segments, ...(suffix === undefined ? {} : { suffix }) };
}

/** The keys of a path by the names that a route gives them; undefined if the route has another path. */
export function matchRoute(
  { path }: Pick<MlbenchRoute, "path">,
  segments: readonly string[],
): Record<string, string> | undefined {
  const names = path.split("/").slice(1);
  if (names.length !== segments.length) return undefined;
  const keys: [string, string][] = [];
  for (const [at, name] of names.entries()) {
    const segment = segments[at] ?? "";
    if (name.startsWith(":")) keys.push([name.slice(1), segment]);
    else if (name !== segment) return undefined;
  }
  return Object.fromEntries(keys);
}
