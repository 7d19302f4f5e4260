import type { VestaRoute } from "./route.ts";

/** The first route of a path with the parameters that the path gives it (V-16); undefined: the path is nobody's. */
export function matchRoute(
  routes: readonly VestaRoute[],
  path: string,
): { route: VestaRoute; params: Record<string, string> } | undefined {
  const segments = segmentsOf(path);
  if (segments === undefined) return undefined;
  for (const route of routes) {
    const params = paramsOf(route.path, segments);
    if (params !== undefined) return { route, params };
  }
  return undefined;
}

/** The decoded segments of a path, a slash at its end left out; undefined if its escapes are broken. */
function segmentsOf(path: string): string[] | undefined {
  try {
    return path.replace(/\/$/, "").split("/").slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function paramsOf(pattern: string, segments: readonly string[]): Record<string, string> | undefined {
  const names = pattern === "/" ? [] : pattern.split("/").slice(1);
  const params: [string, string][] = [];
  for (const [at, name] of names.entries()) {
    const segment = segments[at] ?? "";
    if (segment === "") return undefined;
    if (name.endsWith("*")) {
      params.push([name.slice(1, -1), segments.slice(at).join("/")]);
      return Object.fromEntries(params);
    }
    if (name.startsWith(":")) params.push([name.slice(1), segment]);
    else if (name !== segment) return undefined;
  }
  return names.length === segments.length ? Object.fromEntries(params) : undefined;
}
