import { OdinProcess } from "../../support/odin-process.ts";
import { type Answer, send, sendJson } from "../../unit/api/served.ts";

const ENV = {
  ODIN_LISTEN: "127.0.0.1:0",
  ODIN_SECRET: "the secret of the tests of kills, long enough",
  ODIN_ROOT_USER: "root",
  ODIN_ROOT_PASS: "the root's password",
  CLOCKWORK_VISIBILITY: "all",
};

/** A real API process that a test kills and starts again. A token of one of them counts at all. */
export class KillableApi {
  readonly #environment: Record<string, string>;
  #process: OdinProcess;
  #kills = 0;
  /** What the process that runs now has said: of its output only the end is kept. */
  #said: { port?: number; ready?: true } = {};

  /** Starts it; it need not be ready yet. */
  constructor(environment: Record<string, string>) {
    this.#environment = { ...ENV, ...environment };
    this.#process = new OdinProcess("api", this.#environment);
  }

  /** How often it was killed. */
  get kills(): number {
    return this.#kills;
  }

  /** What the process that runs now has written. */
  get output(): string {
    return this.#process.output;
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** Whether it has the caches that it answers from. */
  get isReady(): boolean {
    if (this.output.includes('"msg":"ready"')) this.#said.ready = true;
    return this.#said.ready === true;
  }

  /** Waits for that; fails if the process ends before. */
  async untilReady(): Promise<void> {
    if (this.isReady) return;
    await this.#process.untilSaid('"msg":"ready"');
    this.#said = { port: this.#port, ready: true };
  }

  /** Kills it with SIGKILL and starts the next one. */
  async kill(): Promise<void> {
    if (!this.running) throw new Error(`it has ended by itself: ${this.output.slice(-2_000)}`);
    await this.#process.end("SIGKILL");
    this.#kills += 1;
    this.#said = {};
    this.#process = new OdinProcess("api", this.#environment);
  }

  async end(): Promise<void> {
    await this.#process.end("SIGKILL");
  }

  /** The root user's token. */
  async login(): Promise<string> {
    const { ODIN_ROOT_USER: username, ODIN_ROOT_PASS: password } = ENV;
    const { json, text } = await sendJson(this.#port, "POST", "/v1/auth", { username, password });
    if (typeof json.message !== "string") throw new Error(text);
    return json.message;
  }

  /** A request to the Clockwork view; rejects if there is no process that answers it. */
  async ask(
    token: string,
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
  ): Promise<Answer> {
    const { method = "GET", headers = {}, body } = options;
    return await send(this.#port, method, `/api/v1/clusters${path}`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  }

  get #port(): number {
    const port = this.#said.port ?? Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(this.output)?.[1]);
    if (Number.isNaN(port)) throw new Error("it does not listen yet");
    this.#said.port = port;
    return port;
  }
}
