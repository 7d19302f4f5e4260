import type { WebSocket } from "ws";
import type { LiveHosts } from "./live-hosts.ts";

/** What a connection needs. */
export interface LiveConnectionParts {
  hosts: LiveHosts;
  /** Least time between two messages, but for the first of a page (V-52). */
  periodMs: number;
  /** How long the other end may take nothing while more than a megabyte waits; of less it is borne longer. */
  stuckMs: number;
  /** Called once, when the connection has ended. */
  onEnd: () => void;
}

/** What may wait for long to be taken by the other end. Nothing is added to what waits, so it is one message at most. */
const MOST_WAITING_BYTES = 1024 * 1024;
const PATIENCE_WITH_LITTLE = 3;
/** How long the other end has to agree to an end. */
const CLOSING_MS = 1_000;
/** Closed because of what was sent: it was no number. */
const POLICY_VIOLATION = 1008;

/** One open page: which hosts it shows, and what of them it has been told (V-53). */
export class LiveConnection {
  readonly #socket: WebSocket;
  readonly #parts: LiveConnectionParts;
  readonly #withMore: boolean;
  /** As it was sent; undefined: nothing is sent before the page says what it shows. */
  #page: number | undefined;
  /** The last change that it was told of, and the page and the totals as they were told. */
  #version = 0;
  #told = "";
  #names: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** Bytes that waited at the last look, and since when they have not become fewer. */
  #waiting = 0;
  #stuckSince = 0;
  #isAlive = true;

  constructor(socket: WebSocket, parts: LiveConnectionParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.#withMore = socket.protocol !== "";
    socket.on("message", (data, isBinary) => this.#receive(isBinary ? "" : String(data)));
    socket.on("pong", () => {
      this.#isAlive = true;
    });
    // What breaks is closed right after.
    socket.on("error", () => undefined);
    socket.once("close", () => {
      clearTimeout(this.#timer);
      parts.onEnd();
    });
  }

  /** Something has changed: it is told as soon as the period is over. */
  soon(): void {
    if (this.#page === undefined || this.#timer !== undefined) return;
    const wait = this.#sentAt + this.#parts.periodMs - performance.now();
    this.#timer = setTimeout(() => this.#update(), Math.max(0, wait));
  }

  /** Asks whether the other end is still there; one that did not answer the last time is cut. */
  ping(): void {
    if (this.#isAlive) this.#socket.ping();
    else this.#socket.terminate();
    this.#isAlive = false;
  }

  /** Ends it, at the latest in a second. */
  close(code: number): void {
    this.#socket.close(code);
    const timer = setTimeout(() => this.#socket.terminate(), CLOSING_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  #receive(text: string): void {
    const given = text.trim();
    if (!/^[+-]?\d{1,15}$/.test(given)) {
      this.#socket.close(POLICY_VIOLATION, "a page number is expected");
      return;
    }
    const page = Math.max(1, Number(given));
    if (page === this.#page) return;
    this.#page = page;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Of another page everything is told at once; of one that cannot take more, when it can.
    this.#version = -1;
    this.#names = new Set();
    this.#told = "";
    this.#update();
  }

  #update(): void {
    this.#timer = undefined;
    const { hosts } = this.#parts;
    if (this.#isStuck()) {
      this.#socket.terminate();
      return;
    }
    if (this.#waiting > 0) {
      this.#timer = setTimeout(() => this.#update(), this.#parts.periodMs);
      return;
    }
    const page = hosts.page(this.#page ?? 1);
    const changed = page.names.filter((name) => !this.#names.has(name) || hosts.isNewer(name, this.#version));
    const told = JSON.stringify([page.names, page.pages, this.#withMore ? hosts.totals() : undefined]);
    if (changed.length === 0 && told === this.#told) return;
    this.#version = hosts.version;
    this.#names = new Set(page.names);
    this.#told = told;
    this.#sentAt = performance.now();
    this.#socket.send(hosts.message(changed, page, this.#withMore));
  }

  /** Whether the other end has taken nothing for too long, although something waits. */
  #isStuck(): boolean {
    const waiting = this.#socket.bufferedAmount;
    const now = performance.now();
    if (waiting === 0 || this.#waiting === 0 || waiting < this.#waiting) this.#stuckSince = now;
    this.#waiting = waiting;
    const patience = waiting > MOST_WAITING_BYTES ? 1 : PATIENCE_WITH_LITTLE;
    return now - this.#stuckSince > patience * this.#parts.stuckMs;
  }
}
