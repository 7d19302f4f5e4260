import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { lastLines } from "./component.ts";
import type { DemoCluster } from "./demo-cluster.ts";
import { LocalError, systemCode } from "./local-error.ts";
import { freePorts } from "./ports.ts";
import { isRunning, processIdentity } from "./process-identity.ts";
import { recordProcess, stopProcesses } from "./processes.ts";
import type { Progress } from "./progress.ts";
import type { RunDirectory } from "./run-directory.ts";
import { waitFor } from "./wait.ts";

/** The running operator and API, and how to reach them. */
export interface DemoService {
  url: string;
  user: string;
  password: string;
  metricsUrl: string;
}

const ODIN = join(import.meta.dirname, "../cli/odin.js");
const USUAL_PORT = 9003;
const USER = "odin";
const READY_WITHIN_MS = 180_000;

/**
 * Starts the operator and the API as one process of this machine that stays when this one ends; one that an earlier
 * start left is replaced. The password and the key that signs tokens stay the same from start to start.
 */
export async function startService(
  directory: RunDirectory,
  cluster: DemoCluster,
  progress: Progress,
  signal: AbortSignal,
): Promise<DemoService> {
  const step = progress.step("Starting the operator and the API");
  await stopProcesses(directory.processes);
  const password = (await savedPassword(directory)) ?? randomBytes(12).toString("base64url");
  const secret = (await textOf(directory.secret))?.trim() || randomBytes(48).toString("base64");
  await writeFile(directory.secret, `${secret}\n`, { mode: 0o600 });
  const [spare = 0, metricsPort = 0] = await freePorts(2);
  const port = (await isFree(USUAL_PORT)) ? USUAL_PORT : spare;
  const service = {
    url: `http://127.0.0.1:${port}`,
    user: USER,
    password,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
  };
  const log = await open(directory.log, "w", 0o600);
  const child = spawn(process.execPath, [ODIN, "all"], {
    cwd: directory.path,
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
    env: {
      ...process.env,
      KUBECONFIG: cluster.kubeconfig,
      ODIN_CONTEXT: "",
      ODIN_NAMESPACE: cluster.namespace,
      ODIN_LISTEN: `127.0.0.1:${port}`,
      ODIN_METRICS_LISTEN: `127.0.0.1:${metricsPort}`,
      ODIN_REPOSITORY: directory.jobs,
      ODIN_STORE: directory.store,
      ODIN_SECRET: secret,
      ODIN_ROOT_USER: USER,
      ODIN_ROOT_PASS: password,
    },
  });
  await log.close();
  if (child.pid === undefined) throw new LocalError(`${ODIN} cannot be started; run npm ci and npm run build`);
  child.unref();
  await recordProcess(directory.processes, "odin all", child.pid);
  await writeEnvironment(directory, cluster, service);
  const identity = processIdentity(child.pid);
  try {
    await waitFor(async () => (await fetch(`${service.url}/readyz`, { signal: AbortSignal.timeout(10_000) })).ok, {
      deadlineMs: READY_WITHIN_MS,
      everyMs: 100,
      what: "the API's readiness",
      signal,
      check: () => {
        if (identity === undefined || !isRunning(identity)) {
          throw new LocalError(
            `the operator and the API ended at once; the end of ${directory.log}:\n${lastLines(directory.log)}`,
          );
        }
      },
    });
  } catch (error) {
    step.fail(`see ${directory.log}`);
    throw error;
  }
  step.done(service.url);
  return service;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function savedPassword({ environment }: RunDirectory): Promise<string | undefined> {
  return /^ODIN_PASSWORD=(.{8,})$/m.exec((await textOf(environment)) ?? "")?.[1];
}

/** Leaves what a shell needs to go on, one `KEY=value` per line. */
async function writeEnvironment(
  { environment }: RunDirectory,
  cluster: DemoCluster,
  service: DemoService,
): Promise<void> {
  const lines = {
    KUBECONFIG: cluster.kubeconfig,
    ODIN_URL: service.url,
    ODIN_USER: service.user,
    ODIN_PASSWORD: service.password,
  };
  await writeFile(
    environment,
    `${Object.entries(lines)
      .map(([key, value]) => `${key}=${value}`)
      .join("\n")}\n`,
    { mode: 0o600 },
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
