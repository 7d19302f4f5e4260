import type { ApiServer } from "../api/api-server.ts";
import type { ObjectStore } from "../api/object-store.ts";
import { keyOf } from "../api/object-store.ts";
import { factsOf } from "../api/resources.ts";
import type { Stored } from "../api/stored.ts";
import type { Chance } from "../chance.ts";
import type { VirtualTime } from "../virtual-time.ts";
import type { Outcome, Truth } from "./outcome.ts";
import { identityOf } from "./pod-identity.ts";

const NODES = factsOf("", "nodes");
const PODS = factsOf("", "pods");
const EVENTS = factsOf("", "events");

/** From the last heartbeat until a node counts as not ready, and from then until its pods are given up. */
const NOT_READY_AFTER_MS = 40_000;
const EVICT_AFTER_MS = 300_000;

interface Node {
  name: string;
  /** Its kubelet reaches the API server. */
  connected: boolean;
  /** What the kubelet will say as soon as it can. */
  unsaid: (() => void)[];
  /** Times that it was lost: what was planned for an earlier loss is void. */
  losses: number;
}

export interface NodesOptions {
  time: VirtualTime;
  server: ApiServer;
  chance: Chance;
  /** What the container of a pod does. */
  outcomeOf: (pod: Stored) => Outcome;
}

/** Scheduler, kubelets and node controller of the simulated cluster: what moves pods. */
export class Nodes {
  /** How every pod ended. */
  readonly truths: Truth[] = [];
  readonly #time: VirtualTime;
  readonly #server: ApiServer;
  readonly #store: ObjectStore;
  readonly #chance: Chance;
  readonly #outcomeOf: NodesOptions["outcomeOf"];
  readonly #nodes: Node[] = [];
  readonly #ended = new Set<string>();
  #events = 0;

  constructor({ time, server, chance, outcomeOf }: NodesOptions) {
    this.#time = time;
    this.#server = server;
    this.#store = server.store;
    this.#chance = chance;
    this.#outcomeOf = outcomeOf;
    this.#store.observe(({ type, resource, object, previous }) => {
      if (resource !== PODS) return;
      if (type === "ADDED") this.#later(2, 30, () => this.#schedule(object.metadata.uid, keyOf(object.metadata)));
      if (type === "DELETED") this.#tellEnd(object, "lost", true);
      const isGoing = object.metadata.deletionTimestamp !== undefined;
      if (type === "MODIFIED" && isGoing && previous?.metadata.deletionTimestamp === undefined) this.#terminate(object);
    });
  }

  /** Adds a node. */
  add(name: string): void {
    this.#nodes.push({ name, connected: true, unsaid: [], losses: 0 });
    this.#store.create(NODES, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name },
      status: { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }] },
    });
  }

  /** Cuts a node off for a while: its containers run on, and nobody hears of them. */
  lose(index: number, forMs: number): void {
    const node = this.#nodes[index % this.#nodes.length];
    if (node === undefined || !node.connected) return;
    node.connected = false;
    const loss = ++node.losses;
    const still = (action: () => void) => () => {
      if (!node.connected && node.losses === loss) action();
    };
    this.#time.after(
      NOT_READY_AFTER_MS,
      still(() => this.#setReady(node, "Unknown", "NodeStatusUnknown")),
    );
    this.#time.after(
      NOT_READY_AFTER_MS + EVICT_AFTER_MS,
      still(() => {
        for (const pod of this.#podsOf(node))
          this.#disrupt(pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
      }),
    );
    this.#time.after(
      forMs,
      still(() => {
        node.connected = true;
        this.#setReady(node, "True", "KubeletReady");
        for (const say of node.unsaid.splice(0)) say();
      }),
    );
  }

  /** Ends a live pod by some trouble of the cluster; `choice` picks which. */
  trouble(kind: "evicted" | "preempted" | "deleted", choice: number): void {
    const live = this.#store.list(PODS, undefined, (pod) => isLive(pod) && identityOf(pod) !== undefined);
    const pod = live[choice % Math.max(1, live.length)];
    if (pod === undefined) return;
    if (kind === "deleted") this.#delete(pod);
    else if (kind === "preempted")
      this.#disrupt(pod, "PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod");
    else if (pod.spec?.nodeName !== undefined)
      this.#onNode(pod, () => this.#end(pod, "evicted", { startMs: 0, runMs: 0, end: "fail", exitCode: 137 }));
  }

  #later(minMs: number, maxMs: number, action: () => void): void {
    this.#time.after(minMs + this.#chance.fraction() * (maxMs - minMs), action);
  }

  #setReady(node: Node, status: string, reason: string): void {
    this.#store.change(NODES, node.name, (draft) => {
      draft.status = { ...draft.status, conditions: [{ type: "Ready", status, reason }] };
    });
  }

  #podsOf(node: Node): Stored[] {
    return this.#store.list(PODS, undefined, (pod) => pod.spec?.nodeName === node.name && isLive(pod));
  }

  /** The pod as it is now, if it is still the same. */
  #now(uid: string, key: string): Stored | undefined {
    const pod = this.#store.get(PODS, key);
    return pod?.metadata.uid === uid ? pod : undefined;
  }

  #schedule(uid: string, key: string): void {
    const pod = this.#now(uid, key);
    if (pod === undefined || pod.spec?.nodeName !== undefined || !isLive(pod)) return;
    const ready = this.#nodes.filter(({ connected }) => connected);
    const isFull = this.#chance.happens(0.05);
    if (ready.length === 0 || isFull) {
      const message = "0/3 nodes are available: 3 Insufficient cpu.";
      this.#store.change(PODS, key, (draft) => {
        draft.status = { ...draft.status, conditions: [unscheduled(message)] };
      });
      this.#warn(pod, "FailedScheduling", message, "default-scheduler");
      this.#later(500, 20_000, () => this.#schedule(uid, key));
      return;
    }
    const node = this.#chance.pick(ready);
    this.#store.change(PODS, key, (draft) => {
      draft.spec = { ...draft.spec, nodeName: node.name };
      draft.status = { ...draft.status, conditions: [{ type: "PodScheduled", status: "True" }] };
    });
    this.#start(uid, key);
  }

  #start(uid: string, key: string): void {
    const pod = this.#now(uid, key);
    if (pod === undefined) return;
    const outcome = this.#outcomeOf(pod);
    if (outcome.end === "noImage") {
      this.#later(5, 50, () => {
        const waiting = { reason: "ErrImagePull", message: "manifest unknown" };
        this.#onNode(pod, () => this.#say(uid, key, { phase: "Pending" }, { waiting }));
      });
      return;
    }
    this.#later(5, 30, () =>
      this.#onNode(pod, () => this.#say(uid, key, { phase: "Pending" }, { waiting: { reason: "ContainerCreating" } })),
    );
    this.#time.after(40 + outcome.startMs, () => {
      const current = this.#now(uid, key);
      if (current === undefined || !isLive(current)) return;
      this.#onNode(current, () => this.#say(uid, key, { phase: "Running" }, { running: {} }));
      if (outcome.end === "hang") return;
      this.#time.after(outcome.runMs, () => {
        const running = this.#now(uid, key);
        if (running === undefined || !isLive(running) || this.#ended.has(uid)) return;
        this.#end(running, "itself", outcome);
      });
    });
  }

  /** The container has ended; that is true at once and told as soon as the node can. */
  #end(pod: Stored, cause: "itself" | "evicted" | "stopped", outcome: Outcome): void {
    const { uid } = pod.metadata;
    const { end, exitCode } = outcome;
    const succeeded = cause === "itself" && end === "succeed";
    // One that fails while the cluster takes its pod away cannot be told from one that fails for that.
    const isGoing = isDisrupted(pod) || pod.metadata.deletionTimestamp !== undefined;
    const byCluster = cause !== "itself" || (!succeeded && isGoing);
    this.#tellEnd(pod, succeeded ? "succeeded" : "failed", byCluster, succeeded ? 0 : exitCode);
    const reason = succeeded ? "Completed" : end === "oom" ? "OOMKilled" : "Error";
    const at = this.#time.stamp();
    const terminated = { exitCode: succeeded ? 0 : exitCode, reason, startedAt: at, finishedAt: at };
    const evicted = {
      reason: "Evicted",
      message: "The node was low on resource: memory.",
      conditions: [{ type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet" }],
    };
    const status = { phase: succeeded ? "Succeeded" : "Failed", ...(cause === "evicted" ? evicted : {}) };
    this.#onNode(pod, () => this.#say(uid, keyOf(pod.metadata), status, { terminated }));
  }

  #tellEnd(pod: Stored, end: Truth["end"], byCluster: boolean, exitCode?: number): void {
    const { uid } = pod.metadata;
    const identity = identityOf(pod);
    if (identity === undefined || this.#ended.has(uid)) return;
    this.#ended.add(uid);
    const { runUid, task, attempt } = identity;
    const atMs = this.#time.nowMs;
    this.truths.push({
      podUid: uid,
      runUid,
      task,
      attempt,
      end,
      byCluster,
      atMs,
      ...(exitCode === undefined ? {} : { exitCode }),
    });
  }

  /** Asked to go: the kubelet stops the container, says how it ended, and lets the object go. */
  #terminate(pod: Stored): void {
    const { uid } = pod.metadata;
    const key = keyOf(pod.metadata);
    const saysHow = this.#chance.happens(0.7);
    this.#later(20, 3_000, () => {
      this.#onNode(pod, () => {
        const current = this.#now(uid, key);
        if (current === undefined) return;
        if (isLive(current) && saysHow && !this.#ended.has(uid))
          this.#end(current, "stopped", { startMs: 0, runMs: 0, end: "fail", exitCode: 143 });
        this.#later(1, 200, () => {
          const last = this.#now(uid, key);
          if (last !== undefined) this.#store.remove(PODS, last);
        });
      });
    });
  }

  /** Runs what a pod's kubelet does, now or when its node is back. */
  #onNode(pod: Stored, action: () => void): void {
    const node = this.#nodes.find(({ name }) => name === pod.spec?.nodeName);
    if (node === undefined || node.connected) action();
    else node.unsaid.push(action);
  }

  #say(uid: string, key: string, status: Record<string, unknown>, state: Record<string, unknown>): void {
    const pod = this.#now(uid, key);
    if (pod === undefined || !isLive(pod)) return;
    this.#store.change(PODS, key, (draft) => {
      const [container] = (draft.spec?.containers ?? []) as { name: string }[];
      const before = (draft.status?.conditions ?? []) as unknown[];
      const added = (status.conditions ?? []) as unknown[];
      draft.status = {
        ...draft.status,
        ...status,
        conditions: [...before, ...added],
        containerStatuses: [{ name: container?.name ?? "main", state }],
      };
    });
  }

  #disrupt(pod: Stored, reason: string, message: string): void {
    this.#store.change(PODS, keyOf(pod.metadata), (draft) => {
      const before = (draft.status?.conditions ?? []) as unknown[];
      const target = { type: "DisruptionTarget", status: "True", reason, message };
      draft.status = { ...draft.status, conditions: [...before, target] };
    });
    this.#delete(pod);
  }

  #delete({ metadata }: Stored): void {
    const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
    this.#server.handle({ method: "DELETE", path, contentType: "application/json", body: undefined });
  }

  #warn(pod: Stored, reason: string, message: string, component: string): void {
    const { name, namespace, uid } = pod.metadata;
    const at = this.#time.stamp();
    this.#store.create(EVENTS, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${name}.${(this.#events++).toString(16)}`, namespace },
      involvedObject: { kind: "Pod", name, namespace, uid },
      type: "Warning",
      reason,
      message,
      source: { component },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    });
  }
}

/** Whether a pod's containers may still run. */
export function isLive({ status }: Stored): boolean {
  return status?.phase !== "Succeeded" && status?.phase !== "Failed";
}

function unscheduled(message: string): Record<string, string> {
  return { type: "PodScheduled", status: "False", reason: "Unschedulable", message };
}

function isDisrupted({ status }: Stored): boolean {
  const conditions = (status?.conditions ?? []) as { type: string; status: string }[];
  return conditions.some(({ type, status: value }) => type === "DisruptionTarget" && value === "True");
}
