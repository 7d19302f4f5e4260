import { KubeConfig } from "@kubernetes/client-node";
import { Registry } from "prom-client";
import { DEFAULT_PATHS } from "../../crds/run-paths.ts";
import type { Logger } from "../../kube/logger.ts";
import { ElectedOperator } from "../../operator/elected-operator.ts";
import { makeMetrics } from "../../operator/metrics.ts";
import type { Network, Weather } from "./network.ts";
import type { VirtualProcess, VirtualTime } from "./virtual-time.ts";

/** What the operator calls itself where it acts on runs; its leases have a client of their own. */
export const OPERATOR_AGENT = "odin-operator";
/** The lease of the first shard. */
export const LEASE_NAME = "odin-operator";

const LEASE_SECONDS = 15;

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

/** The real operator, wired put together as its main program does, as a process of the simulation. */
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
    const operator = new ElectedOperator({
      ...{ kubeConfig, logger, registry },
      userAgent: OPERATOR_AGENT,
      leaseUserAgent: "odin-lease",
      lease: { namespace, name: LEASE_NAME, shards, identity: name, seconds: LEASE_SECONDS },
      operator: {
        metrics: makeMetrics(registry),
        workers: 8,
        namespace,
        installDefinitions: false,
        taskSecrets: [],
        retryPauseMs,
        pods: { paths: DEFAULT_PATHS, pullSecrets: [], elasticEtcd: "etcd" },
      },
    });
    await operator.start();
    // It is only ever killed, or ends by itself.
    await operator.run(new AbortController().signal);
  }

  #logger(): Logger {
    const { time, name, onLog } = this.#options;
    const log = (level: Logged["level"]) => (fields: object, message: string) =>
      onLog({ atMs: time.nowMs, process: name, level, message, fields });
    return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  }
}
