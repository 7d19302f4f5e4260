import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { findExecutable } from "../../local/command.ts";
import { installDebianPackages } from "../../local/host-packages.ts";
import { messageOf } from "../../local/local-error.ts";

const PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
const PACKAGE = "chromium-headless-shell";
const FLAGS = ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"];
const KILL_AFTER_MS = 5_000;

/** Path of a Chromium of this machine; where there is none Debian's package is installed, and the reason given if that fails. */
export async function findBrowser(): Promise<{ path: string } | { cannot: string }> {
  for (const install of [false, true]) {
    if (install) {
      try {
        await installDebianPackages([PACKAGE], join(tmpdir(), "browser-package.log"));
      } catch (error) {
        return { cannot: messageOf(error) };
      }
    }
    for (const program of PROGRAMS) {
      const path = await findExecutable(program);
      if (path !== undefined) return { path };
    }
  }
  return { cannot: `${PACKAGE} was installed, and yet is not there` };
}

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** One page in a browser without a window, driven over the DevTools protocol on a pipe; nothing listens on the network. */
export class BrowserPage {
  /** Addresses that the page asked for. */
  readonly requested: string[] = [];
  /** What the browser complained of: errors of scripts, refusals of the content policy, failed loads. */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #lastId = 0;
  #session: string | undefined;
  #rest = "";

  private constructor(path: string) {
    this.#profile = mkdtempSync(join(tmpdir(), "browser-"));
    this.#child = spawn(
      path,
      [...FLAGS, "--remote-debugging-pipe", `--user-data-dir=${this.#profile}`, "about:blank"],
      {
        stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      },
    );
    (this.#child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => this.#receive(text));
  }

  /** Starts the browser and opens the address. */
  static async open(path: string, url: string): Promise<BrowserPage> {
    const page = new BrowserPage(path);
    const { targetId } = await page.#call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await page.#call("Target.attachToTarget", { targetId, flatten: true });
    page.#session = String(sessionId);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await page.#call(`${domain}.enable`);
    await page.#call("Page.navigate", { url });
    return page;
  }

  /** The value of an expression in the page; a promise is waited for. Throws what the expression throws. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#call("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`in the page: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  }

  async close(): Promise<void> {
    const ended = new Promise((done) => this.#child.once("exit", done));
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), KILL_AFTER_MS);
    this.#session = undefined;
    await this.#call("Browser.close");
    await ended;
    for (const stream of this.#child.stdio) stream?.destroy();
    clearTimeout(timer);
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20 });
  }

  #call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    const message = { id, method, params, ...(this.#session === undefined ? {} : { sessionId: this.#session }) };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
  }

  #receive(text: string): void {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const message of messages) this.#take(JSON.parse(message) as Message);
  }

  #take({ id, method, params = {}, ...rest }: Message): void {
    if (id !== undefined) {
      this.#waiting.get(id)?.(rest);
      this.#waiting.delete(id);
    } else if (method === "Network.requestWillBeSent") {
      this.requested.push((params.request as { url: string }).url);
    } else if (method === "Runtime.exceptionThrown") {
      this.complaints.push(JSON.stringify(params.exceptionDetails));
    } else if (method === "Log.entryAdded") {
      const { level, text, url = "" } = params.entry as { level: string; text: string; url?: string };
      if (level === "error" || level === "warning") this.complaints.push(`${text} ${url}`);
    }
  }
}
