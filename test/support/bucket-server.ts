import { type ChildProcess, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { builtTool } from "../../local/binaries.ts";
import { messageOf } from "../../local/local-error.ts";
import { silentProgress } from "../../local/progress.ts";
import type { BucketLocation } from "../../store/bucket.ts";
import { until } from "./deadline.ts";
import { lastingPort } from "./lasting-port.ts";
import { stopProcess } from "./stop-process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

const KEY_ID = "the-key-id";
const KEY = "the very secret key";
const READY_MS = 60_000;

/** A real S3-compatible server on loopback, which keeps objects as files. */
export class BucketServer {
  readonly port: number;
  readonly #program: string;
  readonly #place: TemporaryDirectory;
  #child: ChildProcess | undefined;
  #said = "";

  private constructor(program: string, place: TemporaryDirectory, port: number) {
    this.#program = program;
    this.#place = place;
    this.port = port;
  }

  /** Starts one; where this machine cannot have one, the reason is given instead. */
  static async open(): Promise<BucketServer | { cannot: string }> {
    let program: string;
    try {
      program = await builtTool("versitygw", "versitygw", silentProgress);
    } catch (error) {
      return { cannot: messageOf(error) };
    }
    const server = new BucketServer(program, await temporaryDirectory(), await lastingPort());
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  /** A bucket of its own for a test. */
  async bucket(name: string): Promise<BucketLocation> {
    await mkdir(join(this.#place.path, "buckets", name));
    const endpoint = `http://127.0.0.1:${this.port}`;
    return { endpoint, region: "us-east-1", bucket: name, prefix: "some/where/", keyId: KEY_ID, key: KEY };
  }

  /** Where the objects of a bucket lie. */
  path(bucket: string): string {
    return join(this.#place.path, "buckets", bucket);
  }

  async start(): Promise<void> {
    const buckets = join(this.#place.path, "buckets");
    await mkdir(buckets, { recursive: true });
    const child = spawn(this.#program, ["--port", `127.0.0.1:${this.port}`, "--quiet", "posix", "--nometa", buckets], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ROOT_ACCESS_KEY: KEY_ID, ROOT_SECRET_KEY: KEY, PATH: "" },
    });
    const hear = (chunk: Buffer): void => {
      this.#said = (this.#said + chunk.toString()).slice(-4000);
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    this.#child = child;
    try {
      await until(() => fetch(`http://127.0.0.1:${this.port}/`).then(() => true), READY_MS, {
        describe: "the S3 server answers",
      });
    } catch (error) {
      throw new Error(`${messageOf(error)}\n${this.#said}`);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await ended;
  }

  /** Stops it without ending it; the function lets it go on. */
  async freeze(): Promise<() => void> {
    const child = this.#child;
    if (child?.pid !== undefined) await stopProcess(child.pid);
    return () => child?.kill("SIGCONT");
  }

  async remove(): Promise<void> {
    await this.stop();
    await this.#place.remove();
  }
}
