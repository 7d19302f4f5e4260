import { type Host, isBad } from "./host.ts";
import { sanitisedName } from "./host-name.ts";

/** What has happened to a host. A contact that changes the status too is told as both. */
export type HostChange = "registered" | "contact" | "status" | "removed";

/** Order in which hosts are shown (V-35). */
export type HostOrder = "ip" | "name";

/** The hosts as they are shown, in memory: in order, by name and by id. */
export class HostTable {
  readonly #order: HostOrder;
  readonly #hosts = new Map<string, Host>();
  readonly #listeners = new Set<(host: Host, what: HostChange) => void>();
  /** Nodes that exist; undefined while that is not known. */
  #nodes: ReadonlySet<string> | undefined;
  #listed: readonly Host[] | undefined;
  /** Ids of what is shown, in order and by names: they stay the same while hosts are heard of. */
  #ids: readonly string[] | undefined;
  #byName: Map<string, string> | undefined;
  #byForm: Map<string, string> | undefined;

  constructor(order: HostOrder) {
    this.#order = order;
  }

  /** Hosts in display order (V-35). The same list until something changes. */
  list(): readonly Host[] {
    this.#ids ??= [...this.#hosts.values()]
      .filter((host) => this.#isShown(host))
      .sort(this.#compare)
      .map(({ id }) => id);
    this.#listed ??= this.#ids.flatMap((id) => this.#hosts.get(id) ?? []);
    return this.#listed;
  }

  /** The host of that name, or else the one that is found under it (V-9). */
  find(name: string): Host | undefined {
    this.#byName ??= new Map(this.list().map((host) => [host.name, host.id]));
    const exact = this.#byName.get(name);
    if (exact !== undefined) return this.#hosts.get(exact);
    // Of several the one that has been there longest.
    this.#byForm ??= new Map(
      [...this.list()].sort((a, b) => b.arrival - a.arrival).map((host) => [sanitisedName(host.name), host.id]),
    );
    return this.#hosts.get(this.#byForm.get(name) ?? "");
  }

  /** Also one that is not shown because its node is gone. */
  get(id: string): Host | undefined {
    return this.#hosts.get(id);
  }

  /** Ids of all that are here, shown or not. */
  ids(): string[] {
    return [...this.#hosts.keys()];
  }

  /** Puts a host in the place of what was known of it, and tells how they differ. */
  set(host: Host): void {
    const before = this.#hosts.get(host.id);
    const isMoved = before === undefined || before.name !== host.name || before.ipAddress !== host.ipAddress;
    this.#hosts.set(host.id, host);
    this.#listed = undefined;
    if (isMoved) this.#forgetOrder();
    if (!this.#isShown(host)) return;
    if (before === undefined) this.#tell(host, "registered");
    else if (isMoved || before.status !== host.status) this.#tell(host, "status");
    const isNews = host.payload !== (before?.payload ?? null) || host.payloadMs !== (before?.payloadMs ?? null);
    if (host.payload !== null && isNews) this.#tell(host, "contact");
  }

  delete(id: string): void {
    const host = this.#hosts.get(id);
    if (host === undefined) return;
    const wasShown = this.#isShown(host);
    this.#hosts.delete(id);
    this.#forgetOrder();
    if (wasShown) this.#tell(host, "removed");
  }

  /** Shows, of the hosts that are nodes, those alone that exist (V-8). */
  showNodes(names: ReadonlySet<string>): void {
    const before = new Set(this.list());
    this.#nodes = names;
    this.#forgetOrder();
    const after = new Set(this.list());
    for (const host of before) if (!after.has(host)) this.#tell(host, "removed");
    for (const host of after) if (!before.has(host)) this.#tell(host, "registered");
  }

  /** Tells of every change from now on; the function that is given back ends that. */
  onChange(listener: (host: Host, what: HostChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #isShown({ source, name }: Host): boolean {
    return source === "sender" || this.#nodes === undefined || this.#nodes.has(name);
  }

  #compare = (a: Host, b: Host): number => {
    const byKey = this.#order === "ip" ? byCodePoint(a.ipAddress, b.ipAddress) : byCodePoint(a.name, b.name);
    return byKey || a.arrival - b.arrival;
  };

  #tell(host: Host, what: HostChange): void {
    for (const listener of this.#listeners) listener(host, what);
  }

  #forgetOrder(): void {
    this.#listed = undefined;
    this.#ids = undefined;
    this.#byName = undefined;
    this.#byForm = undefined;
  }
}

const SURROGATE = /[\ud800-\udfff]/;

/** Order by code points; that of JavaScript goes by units of UTF-16. */
export function byCodePoint(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : Number(a > b);
}

/** Whether a host that is shown is silent: it was heard of no later than `sinceMs`, and nobody has said so yet (V-56). */
export function isOverdue({ status, lastContactMs }: Host, sinceMs: number): boolean {
  return !isBad(status) && lastContactMs !== null && lastContactMs < sinceMs;
}
