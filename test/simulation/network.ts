import type { ApiServer, Watching } from "./api/api-server.ts";
import { type Change, toldOf } from "./api/object-store.ts";
import type { Stored } from "./api/stored.ts";
import type { Chance } from "./chance.ts";
import type { AnswerStream, SentRequest } from "./fake-request.ts";
import type { VirtualProcess, VirtualTime } from "./virtual-time.ts";

/** What the way between one program and the server is like; faults change it while they last. */
export interface Weather {
  /** Longest time in milliseconds that a request, and then its answer, is under way. */
  slowestMs: number;
  /** Longest time in milliseconds by which a watch is behind. */
  watchLagMs: number;
  /** Connections are refused. */
  refused: boolean;
  /** Requests vanish; nobody says so. */
  silent: boolean;
  /** How often the answer is lost on its way back, after the server has acted. */
  lost: number;
  /** How often the server refuses to act, and with what. */
  failing: number;
  failure: 429 | 500 | 503;
}

export const FAIR: Weather = {
  slowestMs: 8,
  watchLagMs: 15,
  refused: false,
  silent: false,
  lost: 0,
  failing: 0,
  failure: 500,
};

/** A request that reached the server. */
export interface Served {
  atMs: number;
  sentMs: number;
  process: string;
  method: string;
  path: string;
  /** What the program calls itself. */
  userAgent: string;
  code: number;
  bytes: number;
}

/** A program that can be killed at one of its requests. */
interface Host {
  process: VirtualProcess;
  weather: Weather;
  /** Kills the program at a coming write: before the server sees it, or before its answer is back. */
  trap?: { writesLeft: number; when: "before" | "after"; kill: () => void };
}

interface OpenWatch {
  host: Host;
  watching: Watching;
  stream: AnswerStream;
  /** Lines are delivered in order, so none before this. */
  freeAtMs: number;
  open: boolean;
  /** The connection is dead and nobody has said so. */
  stalled: boolean;
  told: string[];
  /** Version of the last line. */
  toldRevision: number;
}

const BOOKMARK_EVERY_MS = 60_000;
/** One comes this long before the end of a watch in any case. */
const LAST_BOOKMARK_MS = 2_000;

/** Carries requests between programs and the server, each on its way for a random time, through whatever weather there is. */
export class Network {
  readonly served: Served[] = [];
  /** Called as each request is served. */
  onServed: (served: Served, incoming: SentRequest) => void = () => undefined;
  /** Called as each request is sent. */
  onSent: (request: SentRequest) => void = () => undefined;
  readonly #time: VirtualTime;
  readonly #server: ApiServer;
  readonly #chance: Chance;
  readonly #hosts = new Map<string, Host>();
  readonly #watches = new Set<OpenWatch>();

  constructor(time: VirtualTime, server: ApiServer, chance: Chance) {
    this.#time = time;
    this.#server = server;
    this.#chance = chance;
    server.store.observe((change) => this.#tell(change));
  }

  /** Connects a program under the host name that its requests carry; returns its weather. */
  connect(host: string, process: VirtualProcess, weather: Weather = { ...FAIR }): Weather {
    this.#hosts.set(host, { process, weather });
    return weather;
  }

  /** Forgets a program, with its connections. */
  disconnect(host: string): void {
    const known = this.#hosts.get(host);
    this.#hosts.delete(host);
    for (const watch of this.#watches) {
      if (watch.host !== known) continue;
      watch.open = false;
      this.#watches.delete(watch);
    }
  }

  /** Arms a trap for a program; see `Host.trap`. */
  setTrap(host: string, trap: NonNullable<Host["trap"]>): void {
    const known = this.#hosts.get(host);
    if (known !== undefined) known.trap = trap;
  }

  /** Takes a request over; a stand-in for the wire. */
  send(request: SentRequest): void {
    this.onSent(request);
    const host = this.#hosts.get(request.host);
    if (host === undefined || host.weather.refused) {
      this.#time.after(1, () => request.fail("ECONNREFUSED"), this.#time.current);
      return;
    }
    if (host.weather.silent) return;
    const sentMs = this.#time.nowMs;
    this.#time.after(this.#way(host), () => this.#arrive(request, host, sentMs));
  }

  /** Breaks all watches of a program: it is told so. */
  cutWatches(host: string): void {
    for (const watch of this.#watchesOf(host)) {
      this.#close(watch);
      this.#time.after(1, () => watch.stream.cut(), watch.host.process);
    }
  }

  /** Lets all watches of a program die without a word. */
  stallWatches(host: string): void {
    for (const watch of this.#watchesOf(host)) watch.stalled = true;
  }

  /** Ends all watches as a server does that is shut down in order. */
  endWatches(host: string): void {
    for (const watch of this.#watchesOf(host)) {
      this.#close(watch);
      this.#time.after(1, () => watch.stream.end(), watch.host.process);
    }
  }

  /** Tells the watches of a program again, out of order, what they were told before. */
  replayWatches(host: string): void {
    for (const watch of this.#watchesOf(host)) {
      for (let line = 0; line < 3 && watch.told.length > 0; line++) this.#line(watch, this.#chance.pick(watch.told));
    }
  }

  #watchesOf(host: string): OpenWatch[] {
    const known = this.#hosts.get(host);
    return [...this.#watches].filter((watch) => watch.host === known);
  }

  #way({ weather }: Host): number {
    return 0.2 + this.#chance.fraction() * weather.slowestMs;
  }

  #arrive(request: SentRequest, host: Host, sentMs: number): void {
    const { process, weather } = host;
    // What a killed program has sent still arrives.
    const isWrite = request.method !== "GET";
    const trap = host.trap;
    const isTrapped = isWrite && trap !== undefined && process.alive && trap.writesLeft-- <= 0;
    if (isTrapped) delete host.trap;
    if (isTrapped && trap.when === "before") {
      trap.kill();
      return;
    }
    const incoming = {
      method: request.method,
      path: request.path,
      contentType: request.headers["content-type"] ?? "application/json",
      body: request.body,
      accept: request.headers.accept ?? "",
    };
    const { store } = this.#server;
    store.actor = process.name;
    const refusal = this.#chance.happens(weather.failing) ? weather.failure : undefined;
    const answer = refusal === undefined ? this.#server.handle(incoming) : refused(refusal);
    store.actor = "cluster";
    const code = answer.kind === "watch" ? 200 : answer.code;
    const served: Served = {
      atMs: this.#time.nowMs,
      sentMs,
      process: process.name,
      method: request.method,
      path: request.path,
      userAgent: request.headers["user-agent"] ?? "",
      code,
      bytes: request.body?.length ?? 0,
    };
    this.served.push(served);
    this.onServed(served, request);
    if (isTrapped) {
      trap.kill();
      return;
    }
    if (answer.kind === "watch") {
      this.#time.after(this.#way(host), () => this.#open(request, host, answer), process);
      return;
    }
    if (this.#chance.happens(weather.lost)) {
      this.#time.after(this.#way(host), () => request.fail("ECONNRESET"), process);
      return;
    }
    const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    const headers: Record<string, string> = {
      date: this.#date(),
      ...(answer.retryAfterSeconds === undefined ? {} : { "retry-after": String(answer.retryAfterSeconds) }),
    };
    this.#time.after(this.#way(host), () => request.answer(code, headers, body), process);
  }

  /** The time in an answer's head: that of the server, in whole seconds. */
  #date(): string {
    return new Date(this.#time.wallMs()).toUTCString();
  }

  #open(request: SentRequest, host: Host, watching: Watching): void {
    const stream = request.open({ date: this.#date() });
    const watch: OpenWatch = {
      host,
      watching,
      stream,
      freeAtMs: this.#time.nowMs,
      open: true,
      stalled: false,
      told: [],
      toldRevision: watching.from,
    };
    if (watching.refusal !== undefined) {
      this.#line(watch, `${JSON.stringify({ type: "ERROR", object: watching.refusal.status() })}\n`);
      this.#time.after(watch.freeAtMs - this.#time.nowMs + 1, () => stream.end(), host.process);
      return;
    }
    this.#watches.add(watch);
    request.onGivenUp = () => this.#close(watch);
    for (const change of this.#server.store.history(watching.resource))
      if (change.revision > watching.from) this.#offer(watch, change);
    if (watching.bookmarks) {
      this.#planBookmark(watch, BOOKMARK_EVERY_MS);
      this.#planBookmark(watch, Math.max(0, watching.timeoutSeconds * 1000 - LAST_BOOKMARK_MS));
    }
    this.#time.after(watching.timeoutSeconds * 1000, () => {
      if (!watch.open) return;
      this.#close(watch);
      this.#time.after(1, () => stream.end(), host.process);
    });
  }

  #close(watch: OpenWatch): void {
    watch.open = false;
    this.#watches.delete(watch);
  }

  #planBookmark(watch: OpenWatch, inMs: number): void {
    this.#time.after(inMs, () => {
      if (!watch.open) return;
      const { resource } = watch.watching;
      if (inMs === BOOKMARK_EVERY_MS) this.#planBookmark(watch, BOOKMARK_EVERY_MS);
      // A bookmark that says nothing new is not sent: a watch in which nothing happens is silent for as long as that lasts.
      const progress = this.#server.store.progress(resource);
      if (progress <= watch.toldRevision) return;
      watch.toldRevision = progress;
      const object = {
        kind: resource.kind,
        apiVersion: resource.group === "" ? "v1" : `${resource.group}/v1`,
        metadata: { resourceVersion: String(progress), creationTimestamp: null },
      };
      this.#line(watch, `${JSON.stringify({ type: "BOOKMARK", object })}\n`);
    });
  }

  #tell(change: Change): void {
    for (const watch of this.#watches) if (watch.watching.resource === change.resource) this.#offer(watch, change);
  }

  #offer(watch: OpenWatch, change: Change): void {
    const { namespace, selector } = watch.watching;
    if (namespace !== undefined && change.object.metadata.namespace !== namespace) return;
    const told = toldOf(change, selector);
    if (told === undefined) return;
    const line = `{"type":"${told.type}","object":${textOf(told.object)}}\n`;
    watch.toldRevision = change.revision;
    watch.told.push(line);
    if (watch.told.length > 50) watch.told.shift();
    this.#line(watch, line);
  }

  /** Delivers a line after those before it, a random while later. */
  #line(watch: OpenWatch, line: string): void {
    const lagMs = 0.2 + this.#chance.fraction() * watch.host.weather.watchLagMs;
    watch.freeAtMs = Math.max(watch.freeAtMs, this.#time.nowMs + lagMs);
    this.#time.after(
      watch.freeAtMs - this.#time.nowMs,
      () => {
        if (!watch.stalled) watch.stream.write(line);
      },
      watch.host.process,
    );
  }
}

const texts = new WeakMap<Stored, string>();

function textOf(object: Stored): string {
  let text = texts.get(object);
  if (text === undefined) {
    text = JSON.stringify(object);
    texts.set(object, text);
  }
  return text;
}

/** What an overloaded or broken server says without having looked at the request. */
function refused(code: 429 | 500 | 503): { kind: "answer"; code: number; body: unknown; retryAfterSeconds?: number } {
  const reason = { 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable" }[code];
  const message = { 429: "too many requests", 500: "etcdserver: leader changed", 503: "apiserver is shutting down" }[
    code
  ];
  const body = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
  return { kind: "answer", code, body, ...(code === 429 ? { retryAfterSeconds: 1 } : {}) };
}
