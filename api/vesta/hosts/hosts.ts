import type { Logger } from "../../../kube/logger.ts";
import type { Statement } from "../../../store/sql.ts";
import type { VestaHistory } from "../../../store/vesta-history.ts";
import {
  type Contact,
  type ContactOutcome,
  isSilent,
  isThere,
  type PresentNode,
  type VestaHosts,
  wasBad,
} from "../../../store/vesta-hosts.ts";
import { ContactQueue } from "./contact-queue.ts";
import { type HistoryRow, type Host, isBad, type Payload } from "./host.ts";
import type { MessageStatements } from "./host-event.ts";
import { type Heard, HostMemory, historyRow } from "./host-memory.ts";
import { newHostId, otherName, sanitisedName } from "./host-name.ts";
import { type HostChange, type HostOrder, isOverdue } from "./host-table.ts";
import type { IdleSince } from "./idleness.ts";
import { Lane } from "./lane.ts";

/** What the hosts are made of. */
export interface HostsOptions {
  store: VestaHosts;
  history: VestaHistory;
  messages: MessageStatements;
  /** Order in which they are shown (V-35). */
  order: HostOrder;
  /** Between two rows of history of one host; 0: each contact is one (V-29). */
  saveEveryMs: number;
  logger: Logger;
  /** Time of the server. */
  now?: () => number;
  /** Between two looks at what other processes have written; less than the 2 s of V-5. */
  refreshMs?: number;
  limits?: Partial<HostLimits>;
}

/** What hosts may take up. */
export interface HostLimits {
  /** Machines that may be registered at the same time. */
  senders: number;
  /** Bytes of all machines' latest payloads together. */
  payloadBytes: number;
}

const LIMITS: HostLimits = { senders: 10_000, payloadBytes: 512 * 1024 * 1024 };
/** How often is looked for what other replicas have stored, unless told otherwise: what they were told is to be shown within two seconds (V-5). */
export const REFRESH_MS = 800;
/** Rows of history that are given of one host at most (V-31). */
export const MOST_ROWS = 10_000;
/** Contacts of nodes, which nobody waits for, are gathered so long. */
const GATHER_MS = 200;
const NAME_TRIES = 20;

/** There is no room for what was sent; the message says which room. */
export class NoRoom extends Error {}

/**
 * The hosts whose GPUs are shown (V-6): kept in the store, and in memory as they are shown. What this process writes it shows at once, what others write within
 * `refreshMs`. What rejects does so with a `StoreProblem`, and has changed nothing here then.
 */
export class Hosts {
  readonly #options: HostsOptions;
  readonly #limits: HostLimits;
  readonly #now: () => number;
  readonly #memory: HostMemory;
  /** Whatever reads or writes hosts in the store: so what was read is never older than what was written here. */
  readonly #lane = new Lane();
  readonly #contacts: ContactQueue;
  /** Up to which the store was read. */
  #revision = 0;
  /** Whether the last write may or may not have happened. */
  #isUnsure = false;
  #isSynced = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #isFailing = false;

  constructor(options: HostsOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#now = options.now ?? Date.now;
    this.#memory = new HostMemory(options.order);
    this.#contacts = new ContactQueue(this.#lane, (contacts) => this.#writeContacts(contacts));
  }

  /** Reads the hosts, and from then on what others write. */
  start(): void {
    const refresh = async (): Promise<void> => {
      await this.refresh().catch((error: unknown) => this.#tellFailure(error));
      if (!this.#isStopped) this.#timer = setTimeout(refresh, this.#options.refreshMs ?? REFRESH_MS);
    };
    void refresh();
  }

  /** Writes what waits, and reads no more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.flush().catch(() => undefined);
    await this.#lane.idle();
    clearTimeout(this.#timer);
  }

  /** Whether the hosts have been read once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Hosts in display order (V-35). The same list until something changes. */
  list(): readonly Host[] {
    return this.#memory.table.list();
  }

  /** The host of that name, or else the one that is found under it (V-9). */
  find(name: string): Host | undefined {
    return this.#memory.table.find(name);
  }

  /** The host of that id; also a node that does not exist any more, which the lists do not show. */
  get(id: string): Host | undefined {
    return this.#memory.table.get(id);
  }

  /** Ids of all hosts that `get` gives. */
  ids(): string[] {
    return this.#memory.table.ids();
  }

  /** Tells of every change from now on; the function that is given back ends that. */
  onChange(listener: (host: Host, what: HostChange) => void): () => void {
    return this.#memory.table.onChange(listener);
  }

  /** The newest row of a host's history; it is in memory. */
  newestRow({ id }: Host): HistoryRow | undefined {
    return this.#memory.newest(id);
  }

  /**
   * The newest rows of hosts, which are named as they are shown, host by host in that order, each host's oldest first, no more than 10,000 of each (V-31). They are
   * read as they are taken.
   */
  async *history(
    hostNames: readonly string[],
    { newest }: { newest: number | "all" },
  ): AsyncGenerator<{ host: Host; row: HistoryRow }, void> {
    const most = newest === "all" || newest < 0 ? MOST_ROWS : Math.min(newest, MOST_ROWS);
    for (const name of hostNames) {
      const host = this.find(name);
      const kept = host === undefined || most === 0 ? undefined : this.newestRow(host);
      if (host === undefined || kept === undefined) continue;
      if (most === 1) yield { host, row: kept };
      else for await (const row of this.#options.history.rows(host.id, most)) yield { host, row: historyRow(row) };
    }
  }

  /** Since when a GPU has been held and has done nothing (V-54), in ms since 1970; undefined: that is not so, or nobody knows. */
  idleSinceMs({ id, status }: Host, uuid: string): number | undefined {
    const idle = this.#memory.idle(id);
    return !isBad(status) && Object.hasOwn(idle, uuid) ? idle[uuid] : undefined;
  }

  /** What is known of a node's idle GPUs. */
  idle(id: string): IdleSince {
    return this.#memory.idle(id);
  }

  /** Enters a machine (V-25, V-26). `address` is its own. Rejects with `NoRoom` as well. */
  async register(hostName: string, address: string): Promise<Host> {
    const { store, messages } = this.#options;
    const wanted = sanitisedName(hostName);
    const id = newHostId();
    for (let tries = 0; tries < NAME_TRIES; tries++) {
      const name = tries === 0 ? wanted : otherName(wanted);
      const told = messages({ kind: "uplink", host: name }, isThere(id));
      const host = { id, name, ipAddress: address, atMs: this.#now() };
      const added = await this.#write(() => store.add(host, this.#limits.senders, told));
      if (added === "full") {
        const most = this.#limits.senders;
        throw new NoRoom(`${most} machines are registered already; forget some with DELETE /states/<host>/`);
      }
      if (added === "nameTaken") continue;
      await this.#load(id);
      const entered = this.get(id);
      if (entered !== undefined) return entered;
    }
    throw new NoRoom(`no name could be found for a machine that calls itself ${wanted}`);
  }

  /** A machine has posted (V-29). Resolves when that is on the disk and shown; `unknown`: no machine has that id. Rejects with `NoRoom` as well. */
  async update(id: string, payload: Payload): Promise<"ok" | "unknown"> {
    if (!/^[0-9a-f]{1,32}$/.test(id)) return "unknown";
    // Another process may have entered it a moment ago.
    if (this.get(id) === undefined) await this.#load(id);
    if (this.get(id)?.source !== "sender") return "unknown";
    const text = JSON.stringify(payload);
    if (this.#memory.bytesWith(id, Buffer.byteLength(text)) > this.#limits.payloadBytes) {
      throw new NoRoom("all machines together have posted more than there is room for; forget some of them");
    }
    const heard: Heard = { id, source: "sender", atMs: this.#now(), payload, text, idle: {} };
    const { known } = await this.#contacts.add(heard, 0);
    return known ? "ok" : "unknown";
  }

  /** Forgets a machine and its history. What is left of that when this fails half-way is removed by whoever keeps the history. */
  async remove(host: Host): Promise<void> {
    await this.#write(() => this.#options.store.remove([host.id], this.#now()));
    this.#memory.drop(host.id);
    await this.#options.history.drop(host.id);
  }

  /** A node was read. Resolves when that is stored; `unknown`: it is no host, or not yet. */
  async noteReading(
    id: string,
    reading: { atMs: number; payload: Payload; idle: IdleSince },
  ): Promise<"ok" | "unknown"> {
    const text = JSON.stringify(reading.payload);
    const { known } = await this.#contacts.add({ id, source: "node", text, ...reading }, GATHER_MS);
    return known ? "ok" : "unknown";
  }

  /** Shows, of the hosts that are nodes, from now on only those that exist (V-8). */
  showNodes(names: ReadonlySet<string>): void {
    this.#memory.table.showNodes(names);
  }

  /** Enters nodes that are hosts, and takes out those that are none any more (V-8). Who was last heard of before `silentSinceMs` has to report anew. */
  async noteNodes(present: readonly PresentNode[], goneIds: readonly string[], silentSinceMs: number): Promise<void> {
    const { store } = this.#options;
    if (present.length > 0) await this.#write(() => store.notePresent(present, silentSinceMs));
    if (goneIds.length > 0) await this.#write(() => store.remove(goneIds, this.#now()));
    await this.refresh();
  }

  /** Watching begins (V-11): who was last heard of before that time has to report anew. `messages` are stored with that. */
  async beginWatching(sinceMs: number, messages: readonly Statement[]): Promise<void> {
    await this.#write(() => this.#options.store.beginWatching(sinceMs, messages));
    await this.refresh();
  }

  /** Takes for down whoever was last heard of before that time (V-56); how many these were. */
  async markSilent(sinceMs: number): Promise<number> {
    const { store, messages } = this.#options;
    let count = 0;
    for (const id of this.ids()) {
      const host = this.get(id);
      if (host === undefined || !isOverdue(host, sinceMs)) continue;
      const told = messages({ kind: "down", host: host.name }, isSilent(id, sinceMs));
      const isDown = await this.#write(() => store.markDown(id, sinceMs, this.#revision, told));
      if (isDown) {
        this.#memory.change(id, { status: "down" });
        count += 1;
      } else await this.#load(id);
    }
    return count;
  }

  /** Puts right what was noted while the clock was ahead. */
  async correctFuture(): Promise<void> {
    await this.#write(() => this.#options.store.correctFuture(this.#now()));
    await this.refresh();
  }

  /** Writes the contacts that wait; resolves when they are stored. */
  async flush(): Promise<void> {
    await this.#contacts.flush();
  }

  /** Reads what others have written. */
  async refresh(): Promise<void> {
    await this.#lane.run(async () => {
      const { store, history } = this.#options;
      const { records, revision } = await store.changedSince(this.#revision, this.#isUnsure);
      const behind = records.filter((record) => this.#memory.take(record)).map(({ id }) => id);
      this.#memory.takeRows(await history.newest(behind));
      this.#revision = revision;
      this.#isUnsure = false;
      this.#isSynced = true;
    });
    if (this.#isFailing) this.#options.logger.info({}, "the hosts of vesta can be read again");
    this.#isFailing = false;
  }

  async #load(id: string): Promise<void> {
    await this.#lane.run(async () => {
      const record = await this.#options.store.get(id);
      if (record === undefined || !this.#memory.take(record)) return;
      this.#memory.takeRows(await this.#options.history.newest([id]));
    });
  }

  /** Writes in turn. */
  #write<T>(work: () => Promise<T>): Promise<T> {
    return this.#lane.run(() => this.#surely(work));
  }

  /** After a failure nobody knows whether it happened: what is stored is read back then. */
  async #surely<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#isUnsure = true;
      throw error;
    }
  }

  /** In the lane. */
  async #writeContacts(contacts: readonly Heard[]): Promise<ContactOutcome[]> {
    const { store } = this.#options;
    const stored = contacts.map((heard) => this.#contactOf(heard));
    const outcomes = await this.#surely(() => store.noteContacts(this.#revision, stored));
    for (const [index, heard] of contacts.entries()) {
      const outcome = outcomes[index];
      // One that is no host any more shows with the next look at the store.
      if (outcome?.known) this.#memory.heard(heard, outcome.saved);
    }
    return outcomes;
  }

  #contactOf({ id, source, atMs, text, idle }: Heard): Contact {
    const { messages, saveEveryMs } = this.#options;
    const host = this.get(id)?.name ?? id;
    return {
      ...{ id, source, atMs, saveEveryMs },
      payload: text,
      idle: source === "node" ? JSON.stringify(idle) : null,
      messages: [
        ...messages({ kind: "uplink", host }, wasBad(id, false)),
        ...messages({ kind: "re-uplink", host }, wasBad(id, true)),
      ],
    };
  }

  #tellFailure(error: unknown): void {
    if (this.#isFailing || this.#isStopped) return;
    this.#isFailing = true;
    const message = "the hosts of vesta cannot be read; what is shown of them may be out of date";
    this.#options.logger.warn({ err: String(error) }, message);
  }
}
