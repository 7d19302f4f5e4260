import type WebSocket from "ws";
import type { KubeClient } from "./client.ts";
import { POD } from "./core-resources.ts";
import { type ApiStatus, errorFromAbort, errorFromNetwork, KubeError } from "./errors.ts";
import { objectPath } from "./resource.ts";

/** Where a program is started, and what becomes of its output. */
export interface ExecOptions {
  namespace: string;
  pod: string;
  container: string;
  /** The program and its arguments, without any shell. */
  command: readonly string[];
  /** Gives the program a standard input in which nothing ever comes, and which ends when the connection does. */
  stdin?: boolean;
  /** Called for each piece, one after the other. While a promise is unsettled nothing more is read; one that rejects ends the program's connection. */
  onData(stream: "stdout" | "stderr", chunk: Buffer): void | Promise<void>;
  /** Ends the connection. What becomes of the program then is up to the node. */
  signal: AbortSignal;
  timings?: Partial<ExecTimings>;
}

/** The defaults are what production uses. */
export interface ExecTimings {
  /** How often the server is asked for a sign of life. */
  pingMs: number;
  /** Longest silence, those signs included, before a connection counts as dead. */
  silenceMs: number;
  /** For the server to close the connection after it has said how the program ended. */
  closeMs: number;
}

const TIMINGS: ExecTimings = { pingMs: 10_000, silenceMs: 40_000, closeMs: 5_000 };
/** Received and not yet taken, before the connection is held back. */
const MAX_WAITING_BYTES = 256 * 1024;
const [STDOUT, STDERR, STATUS] = [1, 2, 3];
/** Reason of the error with which a node refuses to start a program, or cannot say how it ended. */
export const EXEC_FAILED = "ExecFailed";

/**
 * Runs a program in a container of a pod, through the API server, and resolves with its exit status when it has ended and all that it wrote was taken.
 * Rejects with a `KubeError`: of reason `ExecFailed` where the node could not start it, of category `transient` where the connection broke, so that
 * nobody knows what became of the program, and whatever `onData` rejects with.
 */
export async function execInPod(client: KubeClient, options: ExecOptions): Promise<number> {
  const path = objectPath(POD, options.namespace, options.pod, "exec");
  const parameters = new URLSearchParams({ container: options.container, stdout: "true", stderr: "true" });
  if (options.stdin === true) parameters.set("stdin", "true");
  for (const argument of options.command) parameters.append("command", argument);
  const socket = await client.openExec(`${path}?${parameters}`, options.signal);
  return await new Exec(`exec in pod ${options.namespace}/${options.pod}`, socket, options).ended;
}

interface Settle {
  resolve(exitStatus: number): void;
  reject(error: unknown): void;
}

/** One connection from its opening to its end. */
class Exec {
  readonly ended: Promise<number>;
  readonly #what: string;
  readonly #socket: WebSocket;
  readonly #options: ExecOptions;
  readonly #timings: ExecTimings;
  readonly #waiting: { stream: "stdout" | "stderr"; chunk: Buffer }[] = [];
  #waitingBytes = 0;
  #isTaking = false;
  #isClosed = false;
  #heardAt = performance.now();
  #status: (ApiStatus & { status?: string }) | undefined;
  #failure: unknown;
  readonly #settle: Settle;

  constructor(what: string, socket: WebSocket, options: ExecOptions) {
    this.#what = what;
    this.#socket = socket;
    this.#options = options;
    this.#timings = { ...TIMINGS, ...options.timings };
    let settle: Settle | undefined;
    this.ended = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    if (settle === undefined) throw new Error("a promise calls back at once");
    this.#settle = settle;
    this.#listen();
  }

  #listen(): void {
    const { signal } = this.#options;
    const socket = this.#socket;
    const onAbort = () => this.#fail(errorFromAbort(this.#what, signal.reason));
    const ping = setInterval(() => this.#ping(), this.#timings.pingMs);
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    socket.on("pong", () => this.#hear());
    socket.on("ping", () => this.#hear());
    socket.on("error", (error) => this.#fail(errorFromNetwork(this.#what, error)));
    socket.once("close", () => {
      clearInterval(ping);
      signal.removeEventListener("abort", onAbort);
      this.#isClosed = true;
      this.#take();
    });
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    else socket.resume();
  }

  #receive(data: WebSocket.RawData, isBinary: boolean): void {
    this.#hear();
    const bytes = Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]);
    const [channel] = bytes;
    if (!isBinary || bytes.length < 2) return;
    if (channel === STATUS) this.#receiveStatus(bytes.subarray(1));
    if (channel !== STDOUT && channel !== STDERR) return;
    this.#waiting.push({ stream: channel === STDOUT ? "stdout" : "stderr", chunk: bytes.subarray(1) });
    this.#waitingBytes += bytes.length;
    this.#take();
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#socket.pause();
  }

  #receiveStatus(text: Buffer): void {
    try {
      this.#status = JSON.parse(text.toString("utf8")) as ApiStatus;
    } catch {
      this.#fail(
        execFailed(this.#what, `the end of the program was told in words that are no JSON: ${text.subarray(0, 200)}`),
      );
      return;
    }
    this.#closeSoon();
  }

  /** The server closes by itself once it has sent everything; a server that does not must not be waited for. */
  #closeSoon(): void {
    const timer = setTimeout(() => {
      if (this.#isTaking) this.#closeSoon();
      else this.#socket.terminate();
    }, this.#timings.closeMs);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Hands pieces over one by one; holds the connection back while too many wait. */
  async #take(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    for (let next = this.#waiting.shift(); next !== undefined && this.#failure === undefined; ) {
      const { stream, chunk } = next;
      try {
        const taken = this.#options.onData(stream, chunk);
        if (taken !== undefined) await taken;
      } catch (error) {
        this.#fail(error);
        break;
      }
      this.#waitingBytes -= chunk.length + 1;
      next = this.#waiting.shift();
    }
    this.#isTaking = false;
    if (this.#isClosed) this.#finish();
    else if (this.#socket.isPaused) {
      this.#hear();
      this.#socket.resume();
    }
  }

  #ping(): void {
    // What waits for us says nothing about the server.
    if (this.#socket.isPaused) return;
    const silentMs = performance.now() - this.#heardAt;
    if (silentMs > this.#timings.silenceMs) {
      const cause = new Error(`no sign of life for ${Math.round(silentMs / 1000)} s`);
      this.#fail(errorFromNetwork(this.#what, cause));
    } else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  #hear(): void {
    this.#heardAt = performance.now();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#waiting.length = 0;
    this.#socket.terminate();
  }

  #finish(): void {
    if (this.#failure !== undefined) this.#settle.reject(this.#failure);
    else if (this.#status === undefined) {
      const cause = new Error("the connection ended before the program did");
      this.#settle.reject(errorFromNetwork(this.#what, cause));
    } else {
      const exitStatus = exitStatusOf(this.#status);
      if (exitStatus === undefined) {
        this.#settle.reject(execFailed(this.#what, this.#status.message ?? "the node does not say why"));
      } else this.#settle.resolve(exitStatus);
    }
  }
}

/** The exit status in the status that ends an exec; undefined where there was no program that could have had one. */
function exitStatusOf(status: ApiStatus & { status?: string }): number | undefined {
  if (status.status === "Success") return 0;
  const told = status.details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
  return told !== undefined && /^-?\d+$/.test(told) ? Number(told) : undefined;
}

function execFailed(what: string, message: string): KubeError {
  const shown = message.slice(0, 1_000);
  return new KubeError({ code: 0, reason: EXEC_FAILED, category: "other", message: `${what}: ${shown}` });
}
