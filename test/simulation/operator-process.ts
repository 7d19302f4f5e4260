import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { DEFAULT_PATHS } from "../../crds/run-paths.ts";
import { KubeClient } from "../../kube/client.ts";
import { Limiter } from "../../kube/limiter.ts";
import type { Logger } from "../../kube/logger.ts";
import { ShardElection } from "../../kube/shard-election.ts";
import { makeMetrics } from "../../operator/metrics.ts";
import { PipelineOperator } from "../../operator/pipeline-operator.ts";
import type { Network, Weather } from "./network.ts";
import type { VirtualProcess, VirtualTime } from "./virtual-time.ts";

/** What the operator calls itself where it acts on runs; its leases have a client of their own. */
export const OPERATOR_AGENT = "odin-operator";
/** The lease of the first shard. */
export const LEASE_NAME = "odin-operator";

/** A line that an operator has logged. */
export interface Logged {
  atMs: number;
  process: string;
  level: "debug" | "info" | "warn" | "error";
  message: string;
  fields: object;
}

export interface OperatorProcessOptions {
  /** Name in the lease and in the trace. */
  name: string;
  /** Name of this very process on the network. */
  host: string;
  namespace: string;
  time: VirtualTime;
  network: Network;
  weather: Weather;
  skewMs: number;
  shards: number;
  retryPauseMs: number;
  onLog: (line: Logged) => void;
  /** The process ended by itself, as it does when the lease is lost. */
  onExit: (why: string) => void;
}

/** The real operator, wired as its main program wires it, as a process of the simulation. */
export class OperatorProcess {
  readonly process: VirtualProcess;
  readonly host: string;
  readonly #options: OperatorProcessOptions;

  constructor(options: OperatorProcessOptions) {
    this.#options = options;
    this.host = options.host;
    this.process = { name: options.name, alive: true, pausedUntilMs: 0, skewMs: options.skewMs };
    options.network.connect(options.host, this.process, options.weather);
  }

  /** Starts the program, in a step of its own. */
  begin(): void {
    this.#run().then(
      () => this.#exit("stopped"),
      (error: unknown) => this.#exit(error instanceof Error ? error.message : String(error)),
    );
  }

  /** Ends it at once, wherever it is. */
  kill(): void {
    this.process.alive = false;
    this.#options.network.disconnect(this.#options.host);
  }

  #exit(why: string): void {
    if (!this.process.alive) return;
    this.kill();
    this.#options.onExit(why);
  }

  async #run(): Promise<void> {
    const { name, host, namespace, shards, retryPauseMs } = this.#options;
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromOptions({
      clusters: [{ name: "simulated", server: `http://${host}` }],
      users: [{ name: "simulated" }],
      contexts: [{ name: "simulated", cluster: "simulated", user: "simulated" }],
      currentContext: "simulated",
    });
    const logger = this.#logger();
    const registry = new Registry();
    let election: ShardElection | undefined;
    const client = new KubeClient({
      kubeConfig,
      userAgent: OPERATOR_AGENT,
      registry,
      logger,
      limiter: new Limiter(),
      canWrite: () => election?.holdsAny() ?? false,
    });
    const leaseClient = new KubeClient({ kubeConfig, userAgent: "odin-lease", logger });
    const operator = new PipelineOperator({
      kubeConfig,
      client,
      definitionClient: leaseClient,
      logger,
      registry,
      metrics: makeMetrics(registry),
      workers: 8,
      namespace,
      installDefinitions: false,
      taskSecrets: [],
      retryPauseMs,
      shards: { count: shards, holds: (shard) => election?.holds(shard) ?? false },
      pods: { paths: DEFAULT_PATHS, pullSecrets: [], elasticEtcd: "etcd" },
    });
    await operator.start();
    const term = new AbortController();
    let lost: string | undefined;
    election = new ShardElection({
      client: leaseClient,
      namespace,
      name: LEASE_NAME,
      shards,
      identity: name,
      logger,
      registry,
      onTaken: (shard) => operator.take(shard),
      onYield: (shard) => operator.giveUp(shard),
      onLost: (why) => {
        lost ??= why;
        election?.retire();
        if (election?.holdsAny()) void operator.stop().finally(() => term.abort());
        else term.abort();
      },
    });
    await election.run(term.signal);
    throw new Error(lost ?? "the election ended");
  }

  #logger(): Logger {
    const { time, name, onLog } = this.#options;
    const log = (level: Logged["level"]) => (fields: object, message: string) =>
      onLog({ atMs: time.nowMs, process: name, level, message, fields });
    return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  }
}
