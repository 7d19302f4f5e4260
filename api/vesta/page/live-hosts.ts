import type { Host, Payload } from "../hosts/host.ts";
import { hostPage } from "./main-page.ts";
import type { PageParts } from "./page-parts.ts";
import { tallyOf } from "./tally.ts";
import { idleCount, type Totals } from "./templates/view.ts";
import { wireHost } from "./wire.ts";

/** A page of hosts as messages name it. */
export interface LivePage {
  names: readonly string[];
  pages: number;
}

interface Written {
  /** Of the change that it tells. */
  version: number;
  text: string;
  holdings: string;
}

/** What messages tell of the hosts. Each host is written once after each change of it, however many pages show it. */
export class LiveHosts {
  readonly #parts: PageParts;
  readonly #changes = new Map<string, number>();
  readonly #written = new Map<string, Written>();
  /** Held and idle GPUs, by what a host has sent. */
  readonly #idle = new WeakMap<Payload, number>();
  #totals: { version: number; totals: Totals } | undefined;
  #version = 1;

  constructor(parts: PageParts) {
    this.#parts = parts;
  }

  /** Number of the last change. */
  get version(): number {
    return this.#version;
  }

  /** Notes that a host has changed, has come or has gone. */
  changed(name: string): void {
    this.#version += 1;
    if (this.#parts.hosts.find(name)?.name === name) this.#changes.set(name, this.#version);
    else {
      this.#changes.delete(name);
      this.#written.delete(name);
    }
  }

  /** The hosts of a page now; numbers out of range are led to the nearest page (V-36, V-52). */
  page(asked: number): LivePage {
    const { hosts, pages } = hostPage(this.#parts.hosts.list(), this.#parts.settings.pageSize, asked);
    return { names: hosts.map(({ name }) => name), pages };
  }

  /** What all hosts are like together; counted once after each change. */
  totals(): Totals {
    const known = this.#totals;
    if (known?.version === this.#version) return known.totals;
    const totals = tallyOf(this.#parts.hosts.list(), this.#parts.settings.pageSize, (host) => this.#idleOf(host));
    this.#totals = { version: this.#version, totals };
    return totals;
  }

  /** Whether a host has changed after the change of that number. */
  isNewer(name: string, version: number): boolean {
    return (this.#changes.get(name) ?? 0) > version;
  }

  /** The message of these changes (V-52), for those who asked for it with what tasks hold and what all hosts are like together. */
  message(update: readonly string[], page: LivePage, withMore: boolean): string {
    const written = update.flatMap((name) => {
      const entry = this.#write(name);
      return entry === undefined ? [] : [{ name: JSON.stringify(name), ...entry }];
    });
    const hosts = written.map(({ name, text }) => `${name}:${text}`).join(",");
    const names = JSON.stringify(page.names);
    const holders = written.map(({ name, holdings }) => `${name}:${holdings}`).join(",");
    const more = withMore
      ? `,"holders":{${holders}},"totals":${JSON.stringify(this.totals())},"time":${(this.#parts.now ?? Date.now)() / 1000}`
      : "";
    return `{"update":{${hosts}},"page_name_list":${names},"total_page_num":${page.pages}${more}}`;
  }

  #idleOf(host: Host): number {
    if (host.payload === null) return 0;
    const known = this.#idle.get(host.payload);
    if (known !== undefined) return known;
    const idle = idleCount(this.#parts.holdings(host));
    this.#idle.set(host.payload, idle);
    return idle;
  }

  #write(name: string): Written | undefined {
    const version = this.#changes.get(name) ?? 0;
    const before = this.#written.get(name);
    if (before?.version === version) return before;
    const host = this.#parts.hosts.find(name);
    if (host === undefined) return undefined;
    const { formatTime, holdings } = this.#parts;
    const written = {
      version,
      text: JSON.stringify(wireHost(host, formatTime)),
      holdings: JSON.stringify(holdings(host)),
    };
    this.#written.set(name, written);
    return written;
  }
}
