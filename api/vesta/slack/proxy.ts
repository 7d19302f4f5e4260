/** The proxy by which a server is reached, as `HTTPS_PROXY` and `NO_PROXY` say, in capitals or not; undefined: directly. Servers that do without encryption are. */
export function proxyFor(server: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const proxy = env.https_proxy || env.HTTPS_PROXY || "";
  if (server.protocol !== "https:" || proxy === "") return undefined;
  const exceptions = (env.no_proxy || env.NO_PROXY || "").split(/[\s,]+/).filter((entry) => entry !== "");
  if (exceptions.some((entry) => isFor(server, entry.toLowerCase()))) return undefined;
  const text = /^https?:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  return URL.canParse(text) ? new URL(text) : undefined;
}

function isFor({ hostname, port }: URL, entry: string): boolean {
  if (entry === "*") return true;
  const [, name = entry, onlyPort] = /^(.*[^:]):(\d+)$/.exec(entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== (port || "443")) return false;
  const domain = name.replace(/^\*?\./, "");
  return hostname === domain || hostname.endsWith(`.${domain}`);
}
