import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { userSecretName } from "../../../api/auth/user.ts";
import { KubeClient } from "../../../kube/client.ts";
import { run } from "../../../local/command.ts";
import { type ControlPlane, startControlPlane } from "../../../local/control-plane.ts";
import { freePorts } from "../../../local/ports.ts";
import type { Progress } from "../../../local/progress.ts";
import { until } from "../../support/deadline.ts";
import { ROOT } from "../../support/documents.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { basic } from "../../unit/api/clockwork/served-clockwork.ts";
import { send, sendJson } from "../../unit/api/served.ts";
import { installDefinitions } from "../definitions.ts";
import { benchEmail } from "./believable-job.ts";
import { ASKING_USER, type Asker } from "./queries.ts";

const NAMESPACE = "bench";
const READY_MS = 180_000;
const ROOT_USER = "root";
const PASSWORD = "the password of a measurement";
/** What is written into the users' Secrets (C-14). */
const ASKERS: Readonly<Record<Asker, Record<string, string>>> = {
  administrator: { admin: "true" },
  user: { email: benchEmail(ASKING_USER) },
};

/** An API process that serves the jobs of a database. */
export interface BenchFacade {
  port: number;
  pid: number;
  /** The header with which somebody asks. */
  credentials: Readonly<Record<Asker, { authorization: string }>>;
  stop(): Promise<void>;
}

/** An API server with the definitions of our kinds and a namespace. */
export async function startBenchPlane(
  directory: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<ControlPlane> {
  const plane = await startControlPlane({ dir: join(directory, "plane"), progress, signal });
  try {
    await installDefinitions(plane, ROOT, signal);
    const env = { ...process.env, KUBECONFIG: plane.kubeconfig };
    await run(plane.kubectl, ["create", "namespace", NAMESPACE], { env, signal });
    return plane;
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

/** Starts the API on a database and gives those who ask an API key each. */
export async function startBenchFacade(
  plane: ControlPlane,
  directory: string,
  environment: Record<string, string>,
): Promise<BenchFacade> {
  const [port = 0] = await freePorts(1);
  const process = new OdinProcess("api", {
    KUBECONFIG: plane.kubeconfig,
    ODIN_NAMESPACE: NAMESPACE,
    ODIN_SECRET: "the secret of a measurement, of no use elsewhere",
    ODIN_ROOT_USER: ROOT_USER,
    ODIN_ROOT_PASS: PASSWORD,
    ODIN_LISTEN: `127.0.0.1:${port}`,
    ODIN_LOG_LEVEL: "warn",
    ODIN_FS_ROOT: join(directory, "pipelines"),
    ODIN_DATA_PATH: join(directory, "data"),
    // The jobs have no pods, and are as old as they like.
    CLOCKWORK_NAMESPACES: "where-nothing-is",
    CLOCKWORK_RETENTION_DAYS: "0",
    ...environment,
  });
  try {
    const ready = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
    await until(ready, READY_MS, { describe: "the API is ready" });
    const credentials = await makeCredentials(plane, port);
    return { port, pid: process.pid, credentials, stop: async () => void (await process.end("SIGTERM")) };
  } catch (error) {
    globalThis.process.stderr.write(process.output.slice(-5_000));
    await process.end("SIGTERM");
    throw error;
  }
}

async function makeCredentials(plane: ControlPlane, port: number): Promise<BenchFacade["credentials"]> {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(plane.kubeconfig);
  const client = new KubeClient({ kubeConfig, userAgent: "odin-bench" });
  try {
    const { json } = await sendJson(port, "POST", "/v1/auth", { username: ROOT_USER, password: PASSWORD });
    const token = { authorization: `Bearer ${String(json.message)}` };
    const credentialOf = async (asker: Asker): Promise<{ authorization: string }> => {
      const user = { username: asker, password: PASSWORD };
      await sendJson(port, "POST", "/v1/users", { user }, token);
      const secret = `/api/v1/namespaces/${NAMESPACE}/secrets/${userSecretName(asker)}`;
      await client.patch(secret, "merge", { stringData: ASKERS[asker] });
      const headers = basic(asker, PASSWORD);
      const made = await until(() => send(port, "POST", "/api/v1/clusters/keys", { headers }), READY_MS, {
        describe: `an API key for ${asker}`,
        accept: ({ status }) => status === 200,
      });
      return basic(ASKERS[asker].email ?? asker, String(made.json.clockwork_api_key));
    };
    return { administrator: await credentialOf("administrator"), user: await credentialOf("user") };
  } finally {
    client.close();
  }
}
