import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import type { AuditLog } from "../../local/audit-policy.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane.ts";
import { silentProgress } from "../../local/progress.ts";
import { until } from "./deadline.ts";
import { stopProcess } from "./stop-process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

/** An API server that belongs to one test file, which may kill it, stop it, and make its etcd forget. */
export class OwnApiServer {
  readonly plane: ControlPlane;
  readonly #directory: TemporaryDirectory;
  #restarted: ChildProcess | undefined;

  private constructor(plane: ControlPlane, directory: TemporaryDirectory) {
    this.plane = plane;
    this.#directory = directory;
  }

  static async start(options: { auditLog?: AuditLog; controllerManager?: boolean } = {}): Promise<OwnApiServer> {
    const directory = await temporaryDirectory();
    const dir = join(directory.path, "plane");
    return new OwnApiServer(await startControlPlane({ dir, progress: silentProgress, ...options }), directory);
  }

  async remove(): Promise<void> {
    this.#restarted?.kill("SIGKILL");
    await this.plane.stop();
    await this.#directory.remove();
  }

  /** Kills it with SIGKILL; returns its command line, for `restart`. */
  async kill(): Promise<string[]> {
    const { pid, argv } = this.process();
    process.kill(pid, "SIGKILL");
    // The last of its threads may hold the port for a moment after the first has ended.
    const port = Number(argv.find((arg) => arg.startsWith("--secure-port="))?.split("=")[1]);
    await until(() => canListen(port), 60_000, { describe: `port ${port} is free` });
    return argv;
  }

  /** Starts what `kill` ended and waits until `answers` no longer throws. */
  async restart([command = "", ...args]: string[], answers: () => Promise<unknown>): Promise<void> {
    const log = openSync(join(this.#directory.path, "apiserver.log"), "a");
    this.#restarted = spawn(command, args, { stdio: ["ignore", log, log] });
    closeSync(log);
    await until(answers, 180_000, { describe: "the API server answers" });
  }

  /** Stops its process where it is: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    await stopProcess(this.process().pid);
  }

  /** Lets it go on after `pause`; without effect otherwise. */
  resume(): void {
    process.kill(this.process().pid, "SIGCONT");
  }

  /** Makes etcd forget its history, as it does by itself every five minutes. */
  async compact(): Promise<void> {
    const { argv } = this.process();
    const flag = (name: string) => argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? "";
    const tls = {
      ca: readFileSync(flag("etcd-cafile")),
      cert: readFileSync(flag("etcd-certfile")),
      key: readFileSync(flag("etcd-keyfile")),
    };
    const post = (what: string, body: object) =>
      new Promise<string>((resolve, reject) => {
        const request = httpsRequest(new URL(what, flag("etcd-servers")), { method: "POST", ...tls }, (answer) => {
          let text = "";
          answer.on("data", (chunk) => {
            text += chunk;
          });
          answer.on("end", () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(text))));
        });
        request.on("error", reject);
        request.end(JSON.stringify(body));
      });
    const { header } = JSON.parse(await post("/v3/kv/range", { key: "AA==" })) as { header: { revision: string } };
    await post("/v3/kv/compaction", { revision: header.revision, physical: true });
  }

  /** The API server's process of this control plane; throws if it does not run. */
  process(): { pid: number; argv: string[] } {
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const argv = commandLine(pid);
      if (argv[0]?.endsWith("/kube-apiserver") && argv.some((arg) => arg.includes(`${this.#directory.path}/`))) {
        return { pid: Number(pid), argv };
      }
    }
    throw new Error("the API server does not run");
  }
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
