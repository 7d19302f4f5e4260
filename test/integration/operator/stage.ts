import { KubeConfig } from "@kubernetes/client-node";
import { pino } from "pino";
import { Registry } from "prom-client";
import type { Pipeline, Task } from "../../../crds/generated/types.ts";
import { podName } from "../../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import { DEFAULT_PATHS } from "../../../crds/run-paths.ts";
import { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import type { Logger } from "../../../kube/logger.ts";
import { kubeMetrics } from "../../../kube/metrics.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import type { PodSettings } from "../../../operator/kinds/pod-template.ts";
import { makeMetrics } from "../../../operator/metrics.ts";
import { PipelineOperator } from "../../../operator/pipeline-operator.ts";
import { openStore, type StoreLocation } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { testVariable } from "../../support/kubectl.ts";
import { temporaryNamespace, untilDefaultAccount } from "../../support/temporary-namespace.ts";

/** Generous: the garbage collector looks for new kinds every 30 s, and does nothing else while other tests bring and take kinds. */
const WAIT_MS = 180_000;
/** As long as the API server takes at most. */
const ANSWER_MS = 60_000;
/** Lines of the operator's log that are kept for a test that gives up. */
const LAST_LINES = 300;
/** Metrics that tell a watch that is silent from a queue that is stuck. */
const TELLING = /^odin_(?:informer_(?:last_event|watch_ends|relists)|\w*(?:busy|depth|longest))\w*\{/;

/** A pod as far as these tests look at it. */
export interface Pod extends KubeObject {
  spec: {
    containers: {
      args?: string[];
      env?: { name: string; value: string }[];
      volumeMounts?: { mountPath: string; subPath?: string }[];
    }[];
  };
  status?: { phase?: string };
}

/** What else may differ between stages. */
export interface StageOptions {
  /** Time between two looks at which kinds the cluster serves. */
  lookEveryMs?: number;
  /** Most tasks that have an object at a time. */
  namespaceParallelism?: number;
  /** How long a node may be lost before its tasks are tried again. */
  nodeLostMs?: number;
  /** Seconds for which ended runs are kept that do not say. */
  runTtlSeconds?: number;
  /** Whom the operator is to the API server; by default one who may do everything. */
  operator?: KubeConfig;
  /** Longest that the stop of a task waits for what it has written. */
  logGraceMs?: number;
  /** Days for which ended runs are kept without their object. */
  runRetentionDays?: number;
}

/**
 * A namespace with an operator working in it, and the part of the kubelet that the tests play themselves: no node is there, so a pod's
 * state is whatever a test says.
 */
export class Stage {
  readonly namespace: string;
  readonly client: KubeClient;
  readonly kubeConfig: KubeConfig;
  #operator: PipelineOperator | undefined;
  #pods: Partial<PodSettings> = {};
  #store: StoreLocation | string | undefined;
  readonly #said: string[] = [];
  #registry = new Registry();
  readonly #remove: () => Promise<void>;
  readonly #options: StageOptions;

  private constructor(namespace: string, remove: () => Promise<void>, options: StageOptions) {
    this.#options = options;
    this.namespace = namespace;
    this.#remove = remove;
    this.kubeConfig = new KubeConfig();
    this.kubeConfig.loadFromFile(testVariable("KUBECONFIG"));
    this.client = new KubeClient({ kubeConfig: this.kubeConfig, userAgent: "odin-test", timeoutMs: ANSWER_MS });
  }

  /** Creates the namespace and starts the operator in it, with `pods` over the usual settings of pods, and a place for the logs of ended tasks. */
  static async open(
    pods: Partial<PodSettings> = {},
    store?: StoreLocation | string,
    options: StageOptions = {},
  ): Promise<Stage> {
    const namespace = await temporaryNamespace("operator");
    const stage = new Stage(namespace.name, namespace.remove, options);
    stage.#pods = pods;
    stage.#store = store;
    try {
      // Pods without an account are refused, and that would cost the operator a second request.
      await untilDefaultAccount(stage.namespace);
      await stage.startOperator();
      return stage;
    } catch (error) {
      // uvu says nothing about a hook that throws.
      console.error(error);
      throw error;
    }
  }

  /** Starts an operator. With `canWrite`, one that is cut off from writing as soon as that says no, as if it had been killed there. */
  async startOperator(canWrite?: () => boolean): Promise<void> {
    const logger = this.#logger();
    const registry = new Registry();
    this.#registry = registry;
    const { operator: kubeConfig = this.kubeConfig, ...options } = this.#options;
    const client = new KubeClient({
      kubeConfig,
      userAgent: `odin-operator-${this.namespace}`,
      logger,
      registry,
      ...(canWrite === undefined ? {} : { canWrite }),
    });
    const store = this.#store === undefined ? undefined : openStore(this.#store);
    const operator = new PipelineOperator({
      ...(store === undefined ? {} : { store }),
      kubeConfig,
      client,
      logger,
      registry,
      metrics: makeMetrics(registry),
      ...options,
      workers: 8,
      namespace: this.namespace,
      installDefinitions: false,
      taskSecrets: ["odin-cred"],
      retryPauseMs: 200,
      pods: { paths: DEFAULT_PATHS, pullSecrets: [], elasticEtcd: "etcd-service.elastic-job", ...this.#pods },
    });
    await operator.start();
    operator.begin();
    this.#operator = operator;
    this.#closeClient = async () => {
      client.close();
      await store?.close();
    };
  }

  #closeClient: () => Promise<void> = async () => {};

  /** Keeps what the operator says last, all of it, for a test that gives up; prints what ODIN_LOG_LEVEL asks for. */
  #logger(): Logger {
    const kept = {
      write: (line: string): void => {
        this.#said.push(line);
        if (this.#said.length > LAST_LINES) this.#said.shift();
      },
    };
    const level = process.env.ODIN_LOG_LEVEL ?? "silent";
    const shown = level === "silent" ? [] : [{ level, stream: process.stdout }];
    return pino({ level: "debug", base: null }, pino.multistream([{ level: "debug", stream: kept }, ...shown]));
  }

  /** Bytes of request bodies that the operator sent since its start, by `verb resource`. */
  async sentBytes(): Promise<Map<string, number>> {
    const { values } = await kubeMetrics(this.#registry).requestBytes.get();
    return new Map(values.map(({ labels: { verb, resource }, value }) => [`${verb} ${resource}`, value]));
  }

  /** Stops the operator, as for an upgrade. */
  async stopOperator(): Promise<void> {
    await this.#operator?.stop();
    await this.#closeClient();
    this.#operator = undefined;
  }

  async close(): Promise<void> {
    await this.stopOperator();
    this.client.close();
    await this.#remove();
  }

  async create(name: string, spec: Pipeline["spec"]): Promise<Pipeline> {
    const body = { apiVersion: API_VERSION, kind: "Pipeline", metadata: { name }, spec };
    return await this.client.create<Pipeline>(collectionPath(PIPELINE, this.namespace), body);
  }

  async get(name: string): Promise<Pipeline> {
    return await this.client.get<Pipeline>(objectPath(PIPELINE, this.namespace, name));
  }

  /** Changes the controls of a run. */
  async control(name: string, spec: Partial<Pipeline["spec"]>): Promise<void> {
    await this.client.patch(objectPath(PIPELINE, this.namespace, name), "merge", { spec });
  }

  /** Changes something of a run that the operator does not care about. */
  async annotate(name: string, annotations: Record<string, string>): Promise<void> {
    await this.client.patch(objectPath(PIPELINE, this.namespace, name), "merge", { metadata: { annotations } });
  }

  /** Changes something of a pod that nobody cares about, so that it is seen again. */
  async annotatePod(run: string, task: string, attempt: number, annotations: Record<string, string>): Promise<void> {
    const path = objectPath(POD, this.namespace, podName(run, task, attempt));
    await this.client.patch(path, "merge", { metadata: { annotations } });
  }

  /** Waits until the run is as `accept` wants it, and returns it. */
  async untilRun(name: string, describe: string, accept: (run: Pipeline) => boolean): Promise<Pipeline> {
    try {
      return await until(() => this.get(name), WAIT_MS, { describe: `run ${name}: ${describe}`, accept });
    } catch (error) {
      await this.showState(name);
      throw error;
    }
  }

  /** Waits until the API server has told of a version of a run as `accept` wants it, however soon another one follows; `from`: the run as it was before. */
  async untilToldOf(from: Pipeline, describe: string, accept: (run: Pipeline) => boolean): Promise<Pipeline> {
    const { name, resourceVersion } = from.metadata;
    const told: Pipeline[] = [];
    const done = new AbortController();
    const watch = this.client.watch(collectionPath(PIPELINE, this.namespace), {
      query: { resourceVersion, fieldSelector: `metadata.name=${name}` },
      signal: done.signal,
      openTimeoutMs: WAIT_MS,
      idleTimeoutMs: WAIT_MS,
      onEvent: ({ object }) => told.push(object as unknown as Pipeline),
    });
    const end = watch.catch((error: unknown) => error);
    try {
      const found = await until(() => told.find(accept), WAIT_MS, { describe: `run ${name}: ${describe}` });
      if (found === undefined) throw new Error("it was there a moment ago");
      return found;
    } finally {
      done.abort();
      await end;
    }
  }

  /** Waits until the operator has said of a run what matches, in one of its last lines. */
  async untilSaid(run: string, words: string): Promise<void> {
    const isIt = (line: string): boolean => line.includes(`"run":"${run}"`) && line.includes(words);
    await until(() => this.#said.some(isIt), WAIT_MS, { describe: `the operator says "${words}" of run ${run}` });
  }

  /** Prints what tells why something did not come: the pods of a run, what the watches and the queues are at, and what the operator said last. */
  async showState(name: string): Promise<void> {
    const pods = await this.pods(name).catch(() => []);
    const phases = pods.map(({ metadata, status }) => [metadata.name, metadata.resourceVersion, status?.phase]);
    const metrics = (await this.#registry.metrics()).split("\n").filter((line) => TELLING.test(line));
    const lines = [
      JSON.stringify(phases),
      ...metrics,
      "the operator said last:",
      ...this.#said.map((line) => line.trimEnd()),
    ];
    console.error(`pods of ${name}: ${lines.join("\n")}`);
  }

  async untilPhase(name: string, phase: string): Promise<Pipeline> {
    return await this.untilRun(name, `phase ${phase}`, (run) => run.status?.phase === phase);
  }

  /** Waits until the pod of an attempt at a task is there. */
  async pod(run: string, task: string, attempt = 1): Promise<Pod> {
    const path = objectPath(POD, this.namespace, podName(run, task, attempt));
    return await until(() => this.client.get<Pod>(path), WAIT_MS, { describe: `pod of task ${task} of run ${run}` });
  }

  async pods(run?: string): Promise<Pod[]> {
    const selector = run === undefined ? {} : { labelSelector: `odin.io/pipeline=${run}` };
    return (await this.client.listAll<Pod>(collectionPath(POD, this.namespace), selector)).items;
  }

  /** Says of a pod what a kubelet would say. */
  async setPodStatus(run: string, task: string, status: Record<string, unknown>, attempt = 1): Promise<void> {
    await this.pod(run, task, attempt);
    const path = objectPath(POD, this.namespace, podName(run, task, attempt), "status");
    await this.client.patch(path, "strategic", { status });
  }

  async startPod(run: string, task: string): Promise<void> {
    await this.setPodStatus(run, task, { phase: "Running" });
  }

  async succeed(run: string, task: string, message?: string, attempt = 1): Promise<void> {
    await this.#end(run, task, "Succeeded", 0, "Completed", message, attempt);
  }

  async fail(run: string, task: string, exitCode: number, reason = "Error", attempt = 1): Promise<void> {
    await this.#end(run, task, "Failed", exitCode, reason, undefined, attempt);
  }

  async #end(
    run: string,
    task: string,
    phase: string,
    exitCode: number,
    reason: string,
    message: string | undefined,
    attempt: number,
  ): Promise<void> {
    const now = new Date().toISOString();
    const terminated = {
      exitCode,
      reason,
      startedAt: now,
      finishedAt: now,
      ...(message === undefined ? {} : { message }),
    };
    const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
    await this.setPodStatus(run, task, { phase, containerStatuses: [container] }, attempt);
  }
}

/** A task with what a pod needs at least. */
export function task(name: string, more: Partial<Task> = {}): Task {
  return { name, image: "image:1", command: ["run"], ...more };
}
