import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CLIENT_ENVIRONMENT } from "../../support/odin-clients.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

/** What a command did: its exit code, and all it wrote to both of its outputs. */
export interface ClientOutcome {
  code: number;
  output: string;
}

/** How a person is known to the server, in the ways the clients have. */
export type Identity =
  | { kind: "netrc"; username: string; secret: string }
  | { kind: "url"; username: string; secret: string }
  | { kind: "token" };

interface ShellOptions {
  /** Directory with the client's commands. */
  commands: string;
  port: number;
  identity: Identity;
  /** Whether the commands know ODIN_SCHEME; older ones want a flag. */
  knowsScheme: boolean;
  /** Further variables, such as KUBECONFIG. */
  environment?: Record<string, string>;
}

const COMMAND_MS = 120_000;

/** A person's shell with the clients in it: a home of its own, and the environment that the documentation of the clients asks for. */
export class ClientShell {
  readonly #options: ShellOptions;
  readonly #home: TemporaryDirectory;

  private constructor(options: ShellOptions, home: TemporaryDirectory) {
    this.#options = options;
    this.#home = home;
  }

  static async open(options: ShellOptions): Promise<ClientShell> {
    const shell = new ClientShell(options, await temporaryDirectory());
    const { identity } = options;
    if (identity.kind === "netrc") {
      const line = `machine 127.0.0.1 login ${identity.username} password ${identity.secret}\n`;
      await writeFile(join(shell.directory, ".netrc"), line, { mode: 0o600 });
    }
    return shell;
  }

  /** The home, which is also where commands run. */
  get directory(): string {
    return this.#home.path;
  }

  /** The token that the clients keep, as it lies in its file; undefined if there is none. */
  get token(): string | undefined {
    const file = this.#tokenFile;
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }

  async setToken(token: string | undefined): Promise<void> {
    if (token === undefined) await rm(this.#tokenFile, { force: true });
    else await writeFile(this.#tokenFile, token);
  }

  get #tokenFile(): string {
    return join(this.directory, ".odin.token");
  }

  /** Runs `odin-<name>`. Nobody is there to answer questions: a client that asks one fails. */
  run(name: string, ...args: string[]): Promise<ClientOutcome> {
    const { commands, port, identity, knowsScheme, environment } = this.#options;
    const user = identity.kind === "url" ? `${identity.username}:${encodeURIComponent(identity.secret)}@` : "";
    const env = {
      ...CLIENT_ENVIRONMENT,
      PATH: process.env.PATH,
      HOME: this.directory,
      LOGNAME: "nobody-in-particular",
      LANG: "C.UTF-8",
      // The server is on this machine.
      NO_PROXY: "*",
      ODIN_URL: `${user}127.0.0.1`,
      ODIN_PORT: String(port),
      ...(knowsScheme ? { ODIN_SCHEME: "http" } : {}),
      ...environment,
    };
    const all = knowsScheme ? args : [...args, "--scheme", "http"];
    return new Promise((resolve) => {
      const options = { env, cwd: this.directory, timeout: COMMAND_MS, maxBuffer: 16 * 1024 * 1024 };
      const child = execFile(join(commands, `odin-${name}`), all, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, output: `${stdout}${stderr}` });
      });
      child.stdin?.end();
    });
  }

  async close(): Promise<void> {
    await this.#home.remove();
  }
}

/** The JSON that a client printed on a line of its own. */
export function printedJson(outcome: ClientOutcome): unknown {
  const line = outcome.output.split("\n").find((one) => /^[[{"]/.test(one));
  if (line === undefined) throw new Error(`no JSON printed: ${outcome.output}`);
  return JSON.parse(line);
}

/** What a client printed without the codes of colours. */
export function plain(outcome: ClientOutcome): string {
  return outcome.output.replaceAll(/\u001b\[[0-9;]*m/g, "");
}
