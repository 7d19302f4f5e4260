import { createHash } from "node:crypto";
import { ApiServer } from "./api/api-server.ts";
import { type Change, ObjectStore } from "./api/object-store.ts";
import { factsOf } from "./api/resources.ts";
import { type Case, type Fault, type RunPlan, settledMs, type UserAction } from "./case.ts";
import { chance } from "./chance.ts";
import { collectGarbage } from "./cluster/garbage-collector.ts";
import { runJobs } from "./cluster/job-controller.ts";
import { Nodes } from "./cluster/nodes.ts";
import type { Outcome } from "./cluster/outcome.ts";
import { identityOf } from "./cluster/pod-identity.ts";
import { fakeRequest } from "./fake-request.ts";
import { FAIR, Network, type Weather } from "./network.ts";
import { LEASE_NAME, type Logged, OperatorProcess } from "./operator-process.ts";
import { Oracle, type Violation } from "./oracle.ts";
import { replaceGlobals } from "./virtual-globals.ts";
import { VirtualTime } from "./virtual-time.ts";

/** Namespace of everything. */
const NAMESPACE = "sim";
const PIPELINES = factsOf("odin.io", "pipelines");
const QUOTAS = factsOf("", "resourcequotas");
const LEASES = factsOf("coordination.k8s.io", "leases");

/** After everything planned is over, runs have this long to end. */
const PATIENCE_MS = 60 * 60_000;
/** Time after the last run's end in which leftovers must go. */
const CLEANUP_MS = 150_000;
const MAX_STEPS = 400_000;

const GOOD: Outcome = { startMs: 0, runMs: 10, end: "succeed", exitCode: 0 };

/** How a case went. */
export interface Played {
  violations: Violation[];
  /** Equal for equal courses of events. */
  digest: string;
  steps: number;
  virtualMs: number;
  requests: number;
  /** Phases that the runs ended in, by name. */
  phases: Record<string, string>;
  /** Everything that happened, if it was asked for. */
  trace: string[];
}

interface Slot {
  index: number;
  weather: Weather;
  skewMs: number;
  /** Number of the process in this slot, and of the name it bears. */
  incarnation: number;
  names: number;
  operator: OperatorProcess | undefined;
}

/** Plays a case to its end, or to the first violation. */
export async function play(plan: Case, keepTrace = false): Promise<Played> {
  const world = new World(plan, keepTrace);
  return await world.play();
}

/** One simulated cluster with its operators, users and faults. */
class World {
  readonly #plan: Case;
  readonly #time = new VirtualTime();
  readonly #store: ObjectStore;
  readonly #server: ApiServer;
  readonly #network: Network;
  readonly #nodes: Nodes;
  readonly #oracle: Oracle;
  readonly #slots: Slot[] = [];
  readonly #hash = createHash("sha256");
  readonly #trace: string[] = [];
  readonly #keepTrace: boolean;
  #quotas = 0;

  constructor(plan: Case, keepTrace: boolean) {
    this.#plan = plan;
    this.#keepTrace = keepTrace;
    const time = this.#time;
    const stamp = () => time.stamp();
    this.#store = new ObjectStore({ stamp });
    this.#server = new ApiServer(this.#store, stamp);
    this.#oracle = new Oracle({
      ...{ plan, time, store: this.#store },
      truths: () => this.#nodes.truths,
      isWatched: () => this.#slots.some(({ operator }) => operator?.process.alive === true),
    });
    this.#store.observe((change) => this.#noteChange(change));
    this.#network = new Network(time, this.#server, chance(plan.seed, "network"));
    this.#network.onServed = (served) => {
      this.#note(`${served.process} ${served.method} ${served.path} ${served.code}`);
      this.#oracle.served(served);
    };
    this.#network.onSent = (request) => this.#oracle.sent(request);
    collectGarbage(time, this.#server, chance(plan.seed, "garbage"));
    runJobs(time, this.#server, chance(plan.seed, "jobs"));
    this.#nodes = new Nodes({
      time,
      server: this.#server,
      chance: chance(plan.seed, "nodes"),
      outcomeOf: (pod) => this.#outcomeOf(pod),
    });
  }

  async play(): Promise<Played> {
    const { seed } = this.#plan;
    const restore = replaceGlobals({
      time: this.#time,
      random: chance(seed, "programs").fraction,
      request: fakeRequest((request) => this.#network.send(request)),
    });
    const onRejection = (error: unknown): void => this.#oracle.violate("I-9", `unhandled rejection: ${String(error)}`);
    process.on("unhandledRejection", onRejection);
    try {
      return await this.#play();
    } finally {
      process.off("unhandledRejection", onRejection);
      for (const { operator } of this.#slots) operator?.kill();
      restore();
    }
  }

  async #play(): Promise<Played> {
    const { operators, runs, faults } = this.#plan;
    this.#store.create(factsOf("", "namespaces"), { metadata: { name: NAMESPACE }, status: { phase: "Active" } });
    for (const name of ["node-0", "node-1", "node-2"]) this.#nodes.add(name);
    for (let index = 0; index < operators; index++) {
      this.#slots.push({ index, weather: { ...FAIR }, skewMs: 0, incarnation: 0, names: 0, operator: undefined });
      this.#startLater(index, index * 700, false);
    }
    for (const run of runs) {
      this.#time.after(run.atMs, () => this.#create(run));
      if (run.jobAfterMs !== undefined) this.#time.after(run.atMs + run.jobAfterMs, () => this.#createJob(run));
      for (const action of run.actions) this.#time.after(action.atMs, () => this.#do(run, action));
    }
    for (const fault of faults) this.#time.after(fault.atMs, () => this.#strike(fault));
    const settled = settledMs(this.#plan);
    const isOver = (): boolean =>
      this.#oracle.violations.length > 0 || (this.#time.nowMs > settled && this.#oracle.allEnded());
    const how = await this.#time.run(isOver, settled + PATIENCE_MS, MAX_STEPS);
    if (how !== "done") this.#oracle.stuck(how);
    if (this.#oracle.violations.length === 0) {
      const failed = (): boolean => this.#oracle.violations.length > 0;
      const cleaned = await this.#time.run(failed, this.#time.nowMs + CLEANUP_MS, MAX_STEPS);
      if (cleaned === "steps") this.#oracle.stuck(cleaned);
      this.#oracle.judgeRemains();
    }
    return {
      violations: this.#oracle.violations,
      digest: this.#hash.digest("hex").slice(0, 16),
      steps: this.#time.steps,
      virtualMs: this.#time.nowMs,
      requests: this.#network.served.length,
      phases: Object.fromEntries(
        this.#store.list(PIPELINES).map(({ metadata, status }) => [metadata.name, String(status?.phase ?? "")]),
      ),
      trace: this.#trace,
    };
  }

  #note(text: string): void {
    const line = `${this.#time.nowMs.toFixed(3)} ${text}`;
    this.#hash.update(line);
    if (this.#keepTrace) this.#trace.push(line);
  }

  #noteChange(change: Change): void {
    const { type, resource, object, actor, revision } = change;
    const status = object.status?.phase ?? "";
    this.#note(`  ${revision} ${type} ${resource.plural} ${object.metadata.name} ${status} by ${actor}`);
    if (this.#keepTrace && resource === PIPELINES && type === "MODIFIED")
      this.#trace.push(`      ${JSON.stringify({ ...object.status, events: undefined })}`);
    this.#oracle.changed(change);
  }

  #noteLog({ process, level, message, fields }: Logged): void {
    const { listMs: _listMs, ...rest } = fields as Record<string, unknown>;
    if (level !== "debug") this.#note(`${process} says ${level}: ${message} ${JSON.stringify(rest)}`);
    this.#oracle.logged(process, level, message, fields);
  }

  #outcomeOf(pod: Parameters<typeof identityOf>[0]): Outcome {
    const identity = identityOf(pod);
    const run = this.#plan.runs.find(({ name }) => name === identity?.run);
    const task = run?.tasks.find(({ name }) => name === identity?.task);
    if (identity === undefined || task === undefined) return GOOD;
    const siblings =
      task.kind === "Job"
        ? this.#nodes.truths.filter((truth) => truth.runUid === identity.runUid && truth.task === task.name).length
        : 0;
    const attempt = identity.attempt + siblings;
    return task.outcomes[Math.min(attempt, task.outcomes.length) - 1] ?? GOOD;
  }

  #startLater(index: number, delayMs: number, renamed: boolean): void {
    const slot = this.#slots[index];
    if (slot === undefined) return;
    this.#time.after(delayMs, () => {
      if (slot.operator?.process.alive) return;
      slot.incarnation++;
      if (renamed) slot.names++;
      const name = `operator-${index}${"x".repeat(slot.names)}`;
      this.#note(`${name} starts`);
      const operator: OperatorProcess = new OperatorProcess({
        name,
        host: `${name}.p${slot.incarnation}`,
        namespace: NAMESPACE,
        time: this.#time,
        network: this.#network,
        weather: slot.weather,
        skewMs: slot.skewMs,
        shards: this.#plan.shards,
        retryPauseMs: this.#plan.retryPauseMs,
        onLog: (line) => this.#noteLog(line),
        onExit: (why) => {
          this.#note(`${name} ended: ${why}`);
          this.#startLater(index, 2_000, false);
        },
      });
      slot.operator = operator;
      this.#time.after(0, () => operator.begin(), operator.process);
    });
  }

  #create(run: RunPlan): void {
    const { name, failurePolicy, timeout: runTimeout, parallelism, ttl, jobAfterMs } = run;
    const spec = {
      failurePolicy,
      ...(runTimeout === undefined ? {} : { timeout: runTimeout }),
      ...(parallelism === undefined ? {} : { parallelism }),
      ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }),
      ...(jobAfterMs === undefined ? { tasks: tasksOf(run) } : { job: jobOf(run) }),
    };
    this.#user("POST", "pipelines", { apiVersion: "odin.io/v1", kind: "Pipeline", metadata: { name }, spec });
  }

  #createJob(run: RunPlan): void {
    const spec = { tasks: tasksOf(run), files: { "notes.txt": "read by nobody" } };
    this.#user("POST", "jobs", { apiVersion: "odin.io/v1", kind: "Job", metadata: { name: jobOf(run) }, spec });
  }

  #do(run: RunPlan, { kind }: UserAction): void {
    const { name } = run;
    const patch = (body: object): void => this.#user("PATCH", `pipelines/${name}`, body);
    switch (kind) {
      case "cancel":
        patch({ spec: { cancel: true } });
        break;
      case "stop":
        patch({ spec: { stop: true } });
        break;
      case "suspend":
        patch({ spec: { suspend: true } });
        break;
      case "resume":
        patch({ spec: { suspend: false } });
        break;
      case "delete":
        this.#user("DELETE", `pipelines/${name}`, {});
        break;
      case "recreate":
        this.#create(run);
        break;
      case "touch":
        patch({ metadata: { annotations: { touched: String(this.#time.nowMs) } } });
        break;
    }
  }

  /** A request of a user: it is served at once. */
  #user(method: string, path: string, body: object): void {
    this.#store.actor = "user";
    const answer = this.#server.handle({
      method,
      path: `/apis/odin.io/v1/namespaces/${NAMESPACE}/${path}`,
      contentType: "application/merge-patch+json",
      body: Buffer.from(JSON.stringify(body)),
    });
    this.#store.actor = "cluster";
    this.#note(`user ${method} ${path} ${answer.kind === "answer" ? answer.code : ""}`);
  }

  #strike(fault: Fault): void {
    this.#note(`fault ${JSON.stringify(fault)}`);
    const slot = "operator" in fault ? this.#slots[fault.operator] : undefined;
    const host = slot?.operator?.host ?? "";
    const during = (change: Partial<Weather>): void => {
      if (slot === undefined || !("forMs" in fault)) return;
      Object.assign(slot.weather, change);
      const before = Object.fromEntries(Object.keys(change).map((key) => [key, FAIR[key as keyof Weather]]));
      this.#time.after(fault.forMs, () => Object.assign(slot.weather, before));
    };
    switch (fault.kind) {
      case "crash": {
        const kill = (): void => {
          this.#note("fault: killed");
          slot?.operator?.kill();
          this.#startLater(fault.operator, fault.restartMs, fault.renamed);
        };
        this.#network.setTrap(host, { writesLeft: fault.writes, when: fault.when, kill });
        break;
      }
      case "pause":
        if (slot?.operator !== undefined) slot.operator.process.pausedUntilMs = this.#time.nowMs + fault.forMs;
        break;
      case "clock":
        if (slot !== undefined) slot.skewMs = fault.skewMs;
        if (slot?.operator !== undefined) slot.operator.process.skewMs = fault.skewMs;
        break;
      case "slow":
        during({ slowestMs: fault.requestMs, watchLagMs: fault.watchMs });
        break;
      case "lost":
        during({ lost: fault.part });
        break;
      case "failing":
        during({ failing: fault.part, failure: fault.failure });
        break;
      case "unreachable":
        if (!fault.silent) this.#network.cutWatches(host);
        else this.#network.stallWatches(host);
        during(fault.silent ? { silent: true } : { refused: true });
        break;
      case "watch":
        this.#network[`${fault.what}Watches`](host);
        break;
      case "compact":
        this.#store.compact();
        if (slot === undefined) for (const { operator } of this.#slots) this.#network.endWatches(operator?.host ?? "");
        break;
      case "quota":
        this.#limit(fault.pods, fault.forMs);
        break;
      case "pod":
        this.#nodes.trouble(fault.what, fault.choice);
        break;
      case "node":
        this.#nodes.lose(fault.node, fault.forMs);
        break;
      case "lease": {
        const lease = this.#store.get(LEASES, `${NAMESPACE}/${LEASE_NAME}`);
        if (lease !== undefined) this.#store.remove(LEASES, lease);
      }
    }
  }

  #limit(pods: number, forMs: number): void {
    const name = `quota-${this.#quotas++}`;
    const hard = { pods: String(pods) };
    this.#store.create(QUOTAS, { metadata: { name, namespace: NAMESPACE }, spec: { hard }, status: { hard } });
    this.#time.after(forMs, () => {
      const quota = this.#store.get(QUOTAS, `${NAMESPACE}/${name}`);
      if (quota !== undefined) this.#store.remove(QUOTAS, quota);
    });
  }
}

function jobOf({ name }: RunPlan): string {
  return `job-of-${name}`;
}

/** The tasks as a spec has them. */
function tasksOf({ tasks }: RunPlan): object[] {
  return tasks.map(({ name, depends, kind, retries, infrastructureRetries, timeout, pendingTimeout }) => ({
    name,
    image: "image:1",
    command: ["run"],
    ...(depends.length > 0 ? { depends } : {}),
    ...(kind === "Pod" ? { infrastructureRetries } : { resourceType: kind }),
    ...(retries === 0 ? {} : { retries }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(pendingTimeout === undefined ? {} : { pendingTimeout }),
  }));
}
