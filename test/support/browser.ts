import { type ChildProcess, spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

/** How browsers name the key of a certificate. */
function fingerprint(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** How a page is shown. */
export interface Emulated {
  /** Of the window, in pixels of style sheets. */
  width?: number;
  height?: number;
  /** Pixels of the picture for each of those. */
  scale?: number;
  dark?: boolean;
  /** Whether the reader wants no motion. */
  calm?: boolean;
  /** Whether scripts run; of pages that are opened from now on. */
  scripts?: boolean;
}

interface AccessibilityNode {
  ignored: boolean;
  role?: { value?: unknown };
  name?: { value?: unknown };
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
  /** Documents that were opened, by the id of what loaded them, and who waits for one. */
  readonly #opened = new Set<string>();
  readonly #awaited = new Map<string, () => void>();
  #webSocket = "";
  #heard = 0;
  #lastId = 0;
  #session: string | undefined;
  readonly #features = new Map<string, string>();
  #rest = "";

  private constructor(path: string, trusted: readonly string[]) {
    this.#profile = mkdtempSync(join(tmpdir(), "browser-"));
    this.#child = spawn(
      path,
      [
        ...FLAGS,
        ...trusted.map((certificate) => `--ignore-certificate-errors-spki-list=${fingerprint(certificate)}`),
        ...["--remote-debugging-pipe", `--user-data-dir=${this.#profile}`, "about:blank"],
      ],
      {
        stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      },
    );
    (this.#child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => this.#receive(text));
  }

  /** Starts the browser and opens the address. `trusted`: the certificate, in PEM, that the test has made for its server; no other is trusted that is not known everywhere. */
  static async open(path: string, url: string, trusted?: string): Promise<BrowserPage> {
    const page = new BrowserPage(path, trusted === undefined ? [] : [trusted]);
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

  /** Opens another address in the same page; what is asked of the page from then on is asked of the new document. */
  async go(url: string): Promise<void> {
    const { loaderId } = await this.#call("Page.navigate", { url });
    if (typeof loaderId !== "string" || this.#opened.has(loaderId)) return;
    await new Promise<void>((done) => this.#awaited.set(loaderId, done));
  }

  /** Messages that the document has got over its newest websocket. */
  get heard(): number {
    return this.#heard;
  }

  /** Shows the page as on another device, or to another reader; what is not given stays. */
  async emulate({ width, height, scale = 1, dark, calm, scripts }: Emulated): Promise<void> {
    if (width !== undefined && height !== undefined) {
      const metrics = { width, height, deviceScaleFactor: scale, mobile: false };
      await this.#call("Emulation.setDeviceMetricsOverride", metrics);
    }
    if (dark !== undefined) this.#features.set("prefers-color-scheme", dark ? "dark" : "light");
    if (calm !== undefined) this.#features.set("prefers-reduced-motion", calm ? "reduce" : "no-preference");
    const features = [...this.#features].map(([name, value]) => ({ name, value }));
    await this.#call("Emulation.setEmulatedMedia", { features });
    if (scripts !== undefined) await this.#call("Emulation.setScriptExecutionDisabled", { value: !scripts });
  }

  /** A picture of what is on the screen, as a PNG file. */
  async screenshot(file: string): Promise<void> {
    const { data } = await this.#call("Page.captureScreenshot", { format: "png", optimizeForSpeed: false });
    writeFileSync(file, Buffer.from(String(data), "base64"));
  }

  /** Presses and releases a key, as a keyboard does. */
  async press(key: "Tab" | "Enter" | "Escape" | "ArrowDown"): Promise<void> {
    const code = { Tab: 9, Enter: 13, Escape: 27, ArrowDown: 40 }[key];
    const event = { key, code: key, windowsVirtualKeyCode: code, ...(key === "Enter" ? { text: "\r" } : {}) };
    for (const type of ["keyDown", "keyUp"]) await this.#call("Input.dispatchKeyEvent", { type, ...event });
  }

  /** A click with the left button at a place of the screen. */
  async click(x: number, y: number): Promise<void> {
    for (const type of ["mousePressed", "mouseReleased"]) {
      await this.#call("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
    }
  }

  /** Pulls the mouse from one place of the screen to another with its left button down. */
  async pull(from: { x: number; y: number }, to: { x: number; y: number }): Promise<void> {
    const send = (type: string, place: typeof from) =>
      this.#call("Input.dispatchMouseEvent", { type, ...place, button: "left", buttons: 1, clickCount: 1 });
    await send("mousePressed", from);
    await send("mouseMoved", to);
    await send("mouseReleased", to);
  }

  /** What a screen reader is told: role and name of everything that is not ignored. */
  async spoken(): Promise<{ role: string; name: string }[]> {
    const { nodes } = await this.#call("Accessibility.getFullAXTree");
    return (nodes as AccessibilityNode[])
      .filter(({ ignored }) => !ignored)
      .map(({ role, name }) => ({ role: String(role?.value ?? ""), name: String(name?.value ?? "") }));
  }

  async close(): Promise<void> {
    const ended = new Promise((done) => this.#child.once("exit", done));
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), KILL_AFTER_MS);
    this.#session = undefined;
    // Who is killed does not answer.
    void this.#call("Browser.close").catch(() => undefined);
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
    } else if (method === "Page.frameNavigated") {
      const { loaderId } = params.frame as { loaderId: string };
      this.#opened.add(loaderId);
      this.#awaited.get(loaderId)?.();
      this.#heard = 0;
      this.#webSocket = "";
    } else if (method === "Network.webSocketCreated") {
      this.#webSocket = String(params.requestId);
      this.#heard = 0;
    } else if (method === "Network.webSocketFrameReceived") {
      if (params.requestId === this.#webSocket) this.#heard += 1;
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
