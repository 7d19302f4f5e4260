import { Registry } from "prom-client";
import { type Listener, listen } from "../../../api/listener.ts";
import { httpMetrics } from "../../../api/metrics.ts";
import { buildMlbenchApp, describeMlbenchError } from "../../../api/mlbench/app.ts";
import { makeBodyWork } from "../../../api/mlbench/body-work/body-work.ts";
import { MlbenchController } from "../../../api/mlbench/controller/controller.ts";
import { forgetRun } from "../../../api/mlbench/controller/forget-run.ts";
import { WorkerPods } from "../../../api/mlbench/pods/worker-pods.ts";
import type { CommandEnd, ManagedRun, RunCommandEvents, WorkerPod } from "../../../api/mlbench/runs/managed-run.ts";
import { Register } from "../../../api/mlbench/runs/register.ts";
import { runRoutes } from "../../../api/mlbench/runs/run-routes.ts";
import type { RunSettings } from "../../../api/mlbench/runs/run-settings.ts";
import { MlbenchRuns } from "../../../api/mlbench/runs/runs.ts";
import type { Pipeline } from "../../../crds/generated/types.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import type { MlbenchOutput } from "../../../store/mlbench-output.ts";
import { openStore, type Store, type StoreLocation } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { RUN_SETTINGS } from "../../unit/api/mlbench/runs/run-settings.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { kubeConfig } from "../api/facade-stage.ts";

export const SERVICE = { group: "", version: "v1", plural: "services", kind: "Service", namespaced: true };
export const STATEFUL_SET = {
  group: "apps",
  version: "v1",
  plural: "statefulsets",
  kind: "StatefulSet",
  namespaced: true,
};
export const SERVICE_ACCOUNT = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};

export const WAIT_MS = 90_000;
/** A run as a form of the unmodified client posts it. */
export const FORM = {
  num_workers: "2",
  num_cpus: "0",
  image_name: "custom_image",
  custom_image_name: "example/image:1",
  custom_image_command: "/run --rank {rank} --hosts {hosts}",
  backend: "gloo",
};
const LEASE = { leaseDurationMs: 9_000, renewDeadlineMs: 6_000, retryPeriodMs: 1_000 };

/** A command that was started, as the process that follows it knows it. */
export interface StartedCommand {
  run: ManagedRun;
  pods: readonly WorkerPod[];
}

/** One process with the API and a controller; commands are what the test says. */
export class RunProcess {
  readonly client: KubeClient;
  readonly runs: MlbenchRuns;
  readonly controller: MlbenchController;
  /** Commands that this process follows, by the id of their run. */
  readonly commands = new Map<number, StartedCommand>();
  readonly output: MlbenchOutput;
  readonly #pods: WorkerPods;
  #listener: Listener | undefined;
  #alive = true;
  #stopped: Promise<void> | undefined;
  #events: RunCommandEvents | undefined;

  constructor(store: Store, settings: RunSettings, lines: Record<string, unknown>[]) {
    const log = (level: string) => (fields: object, msg: string) => void lines.push({ level, ...fields, msg });
    const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    const registry = new Registry();
    this.client = new KubeClient({
      kubeConfig: kubeConfig(),
      userAgent: "odin-mlbench-test",
      canWrite: () => this.#alive,
    });
    const { client } = this;
    const { namespace, release } = settings;
    this.runs = new MlbenchRuns({ client, namespace, logger, registry });
    this.#pods = new WorkerPods({ client, records: store.mlbenchPods, settings, logger, registry });
    const register = new Register({ client, namespace, release, runs: this.runs });
    this.output = store.mlbenchOutput(100);
    this.controller = new MlbenchController({
      ...{ client, settings, register, logger, registry },
      runs: this.runs,
      pods: this.#pods,
      output: this.output,
      lease: LEASE,
      commands: (events) => {
        this.#events = events;
        return {
          start: (run, pods) => void this.commands.set(run.id, { run, pods }),
          stop: async (uid) => {
            for (const [id, { run }] of this.commands) if (run.uid === uid) this.commands.delete(id);
          },
          detach: async () => this.commands.clear(),
        };
      },
      forget: (run) => forgetRun(store, this.output, run),
    });
    const app = buildMlbenchApp({
      work: makeBodyWork(),
      routes: runRoutes({ client, runs: this.runs, register, output: this.output, settings }),
      authenticate: () => ({ kind: "local", admin: false }),
      notReady: () => (this.runs.hasSynced ? [] : ["runs"]),
      tls: false,
      observe: httpMetrics(registry),
      logger,
    });
    this.listening = listen(app.callback(), { host: "127.0.0.1", port: 0, describeError: describeMlbenchError }).then(
      (listener) => {
        this.#listener = listener;
      },
    );
  }

  readonly listening: Promise<void>;

  async start(): Promise<void> {
    await this.listening;
    this.runs.start();
    this.#pods.start();
    this.controller.start();
    await this.runs.informer.synced;
  }

  get port(): number {
    return Number(new URL(this.#listener?.url ?? "http://nobody:0").port);
  }

  /** The command of a run ends. */
  end(id: number, end: CommandEnd): void {
    const started = this.commands.get(id);
    if (started === undefined) throw new Error(`this process follows no command of run ${id}`);
    this.#events?.onEnd(started.run.uid, end);
  }

  /** From now on nothing that it sends arrives, as if it had been killed. */
  kill(): void {
    this.#alive = false;
  }

  /** Ends it; a second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#listener?.close(0);
    await this.controller.stop();
    await this.runs.stop();
    await this.#pods.stop();
    this.client.close();
  }
}

/** A namespace with runs of MLBench, and the part of the kubelet that the test plays: there is no node. */
export class RunStage {
  readonly client: KubeClient;
  readonly settings: RunSettings;
  readonly store: Store;
  readonly logLines: Record<string, unknown>[] = [];
  readonly #namespace: TemporaryNamespace;
  readonly #directory: TemporaryDirectory;
  readonly #processes: RunProcess[] = [];

  readonly #postgres: PostgresServer | undefined;

  private constructor(
    namespace: TemporaryNamespace,
    directory: TemporaryDirectory,
    settings: Partial<RunSettings>,
    postgres: { server: PostgresServer; place: StoreLocation } | undefined,
  ) {
    this.#namespace = namespace;
    this.#directory = directory;
    this.#postgres = postgres?.server;
    this.settings = { ...RUN_SETTINGS, ...settings, namespace: namespace.name, spread: "preferred" };
    this.store = openStore(postgres?.place ?? `${directory.path}/store.db`);
    this.client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
  }

  /** Opens one; with `postgres` its store is in PostgreSQL, where this machine can have that. */
  static async open(settings: Partial<RunSettings> = {}, { postgres = false } = {}): Promise<RunStage> {
    try {
      const server = postgres ? await openPostgres() : undefined;
      const stage = new RunStage(await temporaryNamespace("mlbench"), await temporaryDirectory(), settings, server);
      const metadata = { name: `${stage.settings.release}-mlbench-worker-sa` };
      await stage.client.create(collectionPath(SERVICE_ACCOUNT, stage.namespace), {
        ...{ apiVersion: "v1", kind: "ServiceAccount", metadata },
      });
      await stage.process();
      return stage;
    } catch (error) {
      console.error(error);
      throw error;
    }
  }

  get namespace(): string {
    return this.#namespace.name;
  }

  /** Starts another process. */
  async process(settings: Partial<RunSettings> = {}): Promise<RunProcess> {
    const started = new RunProcess(this.store, { ...this.settings, ...settings }, this.logLines);
    this.#processes.push(started);
    await started.start();
    return started;
  }

  /** All processes, in the order of their start. */
  get processes(): readonly RunProcess[] {
    return this.#processes;
  }

  /** The process that was started last. */
  get last(): RunProcess {
    const last = this.#processes.at(-1);
    if (last === undefined) throw new Error("no process");
    return last;
  }

  async close(): Promise<void> {
    for (const one of this.#processes) await one.stop();
    await this.store.close();
    this.client.close();
    await this.#namespace.remove();
    await this.#directory.remove();
    await this.#postgres?.remove();
  }

  /** Posts a form and returns the answer. */
  async post(fields: Record<string, string>, process: RunProcess = this.last): Promise<Answer> {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return await send(process.port, "POST", "/api/runs/", { headers, body: new URLSearchParams(fields).toString() });
  }

  /** Posts a run and returns its id. */
  async create(name: string, more: Record<string, string> = {}, process: RunProcess = this.last): Promise<number> {
    const answer = await this.post({ ...FORM, name, ...more }, process);
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    return Number(answer.json.id);
  }

  async get(path: string, process: RunProcess = this.last): Promise<Answer> {
    return await send(process.port, "GET", path);
  }

  async remove(id: number, process: RunProcess = this.last): Promise<Answer> {
    return await send(process.port, "DELETE", `/api/runs/${id}/`);
  }

  async pipeline(id: number): Promise<Pipeline & KubeObject> {
    return await this.client.get<Pipeline & KubeObject>(objectPath(PIPELINE, this.namespace, `mlbench-${id}j`));
  }

  async state(id: number, process: RunProcess = this.last): Promise<unknown> {
    return (await this.get(`/api/runs/${id}/`, process)).json.state;
  }

  async untilState(id: number, state: string, process: RunProcess = this.last): Promise<void> {
    await until(() => this.state(id, process), WAIT_MS, {
      describe: `run ${id} ${state}`,
      accept: (now) => now === state,
    });
  }

  /** Lines of an array, as the detail has them. */
  async lines(id: number, stream: "stdout" | "stderr" = "stdout", process: RunProcess = this.last): Promise<string[]> {
    const { json } = await this.get(`/api/runs/${id}/`, process);
    return (json.job_metadata as Record<string, string[]>)[stream] ?? [];
  }

  async read<T extends KubeObject>(resource: typeof SERVICE, name: string): Promise<T | undefined> {
    try {
      return await this.client.get<T>(objectPath(resource, this.namespace, name));
    } catch (error) {
      if (isKubeError(error, "notFound")) return undefined;
      throw error;
    }
  }

  async list(resource: typeof SERVICE, id?: number): Promise<KubeObject[]> {
    const labelSelector = id === undefined ? "app=mlbench" : `odin.io/mlbench-run=${id}`;
    return (await this.client.listAll<KubeObject>(collectionPath(resource, this.namespace), { labelSelector })).items;
  }

  /** Says of each pod of a run that it is ready, as its kubelet would; returns their names. */
  async ready(id: number, workers: number): Promise<string[]> {
    const pods = await until(() => this.list(POD, id), WAIT_MS, {
      describe: `${workers} pods of run ${id}`,
      accept: (list) => list.length === workers,
    });
    for (const [index, { metadata }] of pods.entries()) {
      const status = {
        phase: "Running",
        podIP: `10.9.${id % 250}.${index + 1}`,
        conditions: [{ type: "Ready", status: "True" }],
      };
      await this.client.patch(objectPath(POD, this.namespace, metadata.name, "status"), "strategic", { status });
    }
    return pods.map(({ metadata }) => metadata.name);
  }

  /** Waits until a process follows the command of a run. */
  async untilCommand(id: number, process: RunProcess = this.last): Promise<StartedCommand> {
    const started = await until(() => process.commands.get(id), WAIT_MS, { describe: `the command of run ${id}` });
    if (started === undefined) throw new Error("never");
    return started;
  }

  /** Waits until nothing of a run is in the cluster but its Pipeline. */
  async untilClean(id: number): Promise<void> {
    await until(
      async () => (await Promise.all([SERVICE, STATEFUL_SET, POD].map((one) => this.list(one, id)))).flat(),
      WAIT_MS,
      { describe: `nothing left of run ${id}`, accept: (left) => left.length === 0 },
    );
  }
}

async function openPostgres(): Promise<{ server: PostgresServer; place: StoreLocation } | undefined> {
  const server = await PostgresServer.open();
  if (!("cannot" in server)) return { server, place: { kind: "postgres", ...(await server.database()) } };
  skip("PostgreSQL, so a file is the store", server.cannot);
  return undefined;
}

export const OK: CommandEnd = { ok: true, ranks: [] };
