import type { Pipeline, TaskStatus } from "../../../crds/generated/types.ts";
import { podName } from "../../../crds/names.ts";
import { API_VERSION, PIPELINE } from "../../../crds/resources.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { POD } from "../../../kube/core-resources.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";

/** A pod that a test leads through its life on a real API server, without a node. */
export interface PlayedPod {
  kind: string;
  uid: string;
  /** States that its job goes through; the last is the one at which it stays until `end`. */
  steps: (() => Promise<string>)[];
  /** Brings it to its end; what its job shows from then on, for ever. */
  end(): Promise<{ state: string; exitCode: string }>;
}

type Life = (pod: Pod) => Omit<PlayedPod, "kind" | "uid">;

/** Every kind of life that is played. */
export const KINDS: readonly string[] = [
  ...["succeeds", "fails", "is killed for memory", "is evicted", "has a deadline", "cannot start", "loses its node"],
  ...["is deleted while it runs", "is deleted before it is scheduled", "is preempted", "crashes again and again"],
  ...["succeeds in a run and vanishes", "is stopped by a run"],
];

/** Makes a pod of that kind, for the node that has the namespace's name. */
export async function playPod(client: KubeClient, namespace: string, name: string, kind: string): Promise<PlayedPod> {
  const life = LIVES[kind];
  if (life === undefined) throw new Error(`no pod ${kind}`);
  const pod = new Pod(client, namespace, name);
  await pod.create(kind.includes("run and") || kind.includes("by a run"));
  return { kind, uid: pod.uid, ...life(pod) };
}

const now = (): string => new Date().toISOString();

/** What a node and the operator write. */
class Pod {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #run: string;
  #name: string;
  #startedAt = now();
  uid = "";

  constructor(client: KubeClient, namespace: string, name: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.#run = name;
    this.#name = name;
  }

  async create(isOfRun: boolean): Promise<void> {
    const metadata = isOfRun ? await this.#ofRun() : {};
    const made = await this.#client.create<KubeObject>(collectionPath(POD, this.#namespace), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, name: this.#name },
      spec: {
        containers: [{ name: "main", image: "image:1" }],
        terminationGracePeriodSeconds: 30,
        // Its node never reports: after minutes it would be evicted, and its job end otherwise than it is played.
        tolerations: [{ operator: "Exists" }],
      },
    });
    this.uid = made.metadata.uid;
  }

  async bind(): Promise<string> {
    await this.#client.create(`${this.#path}/binding`, {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: this.#name },
      target: { apiVersion: "v1", kind: "Node", name: this.#namespace },
    });
    return "CONFIGURING";
  }

  async run(): Promise<string> {
    this.#startedAt = now();
    await this.status("Running", { running: { startedAt: this.#startedAt } });
    return "RUNNING";
  }

  async status(phase: string, state: object | undefined, more: object = {}): Promise<void> {
    const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state };
    const containers = state === undefined ? {} : { containerStatuses: [container] };
    await this.#client.patch(`${this.#path}/status`, "strategic", { status: { phase, ...containers, ...more } });
  }

  terminated(exitCode: number, reason: string): object {
    return { terminated: { exitCode, reason, startedAt: this.#startedAt, finishedAt: now() } };
  }

  async disrupt(reason: string): Promise<void> {
    const condition = { type: "DisruptionTarget", status: "True", reason, lastTransitionTime: now() };
    await this.#client.patch(`${this.#path}/status`, "strategic", { status: { conditions: [condition] } });
  }

  async delete(gracePeriodSeconds = 0): Promise<void> {
    await this.#client.delete(this.#path, { gracePeriodSeconds });
  }

  /** What the operator records of the attempt. */
  async record(record: TaskStatus): Promise<void> {
    const task = { attempt: 1, pod: this.#name, startTime: this.#startedAt, ...record };
    const status = { phase: "RUNNING", tasks: { a: task } };
    await this.#client.patch(objectPath(PIPELINE, this.#namespace, this.#run, "status"), "merge", { status });
  }

  async #ofRun(): Promise<object> {
    const name = this.#run;
    const run = await this.#client.create<Pipeline>(collectionPath(PIPELINE, this.#namespace), {
      apiVersion: API_VERSION,
      kind: "Pipeline",
      metadata: { name },
      spec: { tasks: [{ name: "a", image: "i", command: ["c"] }] },
    });
    this.#name = podName(name, "a", 1);
    await this.record({ state: "executing" });
    const owner = { apiVersion: API_VERSION, kind: "Pipeline", name, uid: run.metadata.uid, controller: true };
    return { annotations: { "odin.io/task": "a", "odin.io/attempt": "1" }, ownerReferences: [owner] };
  }

  get #path(): string {
    return objectPath(POD, this.#namespace, this.#name);
  }
}

/** Runs until it is told how it ends, and stays as an object. */
function endingWith(phase: string, exit: [code: number, reason: string], more: object, state: string): Life {
  return (pod) => ({
    steps: [() => pod.bind(), () => pod.run()],
    async end() {
      await pod.status(phase, pod.terminated(...exit), more);
      return { state, exitCode: exit[0] > 128 ? `0:${exit[0] - 128}` : `${exit[0]}:0` };
    },
  });
}

const LIVES: Readonly<Record<string, Life>> = {
  succeeds: endingWith("Succeeded", [0, "Completed"], {}, "COMPLETED"),
  fails: endingWith("Failed", [3, "Error"], {}, "FAILED"),
  "is killed for memory": endingWith("Failed", [137, "OOMKilled"], {}, "OUT_OF_MEMORY"),
  "is evicted": endingWith(
    "Failed",
    [137, "Error"],
    { reason: "Evicted", message: "The node was low on resource: ephemeral-storage." },
    "PREEMPTED",
  ),
  "has a deadline": endingWith("Failed", [143, "Error"], { reason: "DeadlineExceeded" }, "TIMEOUT"),
  "cannot start": (pod) => ({
    steps: [() => pod.bind()],
    async end() {
      await pod.status("Failed", undefined, { reason: "OutOfcpu", message: "no cpu left" });
      return { state: "BOOT_FAIL", exitCode: "0:0" };
    },
  }),
  "loses its node": (pod) => ({
    steps: [() => pod.bind(), () => pod.run()],
    async end() {
      await pod.disrupt("DeletionByTaintManager");
      await pod.status("Failed", pod.terminated(137, "Error"));
      return { state: "NODE_FAIL", exitCode: "0:9" };
    },
  }),
  "is deleted while it runs": (pod) => ({
    steps: [() => pod.bind(), () => pod.run()],
    async end() {
      await pod.delete(30);
      await pod.delete();
      return { state: "CANCELLED", exitCode: "0:0" };
    },
  }),
  "is deleted before it is scheduled": (pod) => ({
    steps: [async () => "PENDING"],
    async end() {
      await pod.delete();
      return { state: "CANCELLED", exitCode: "0:0" };
    },
  }),
  "is preempted": (pod) => ({
    steps: [
      () => pod.bind(),
      () => pod.run(),
      async () => {
        await pod.disrupt("PreemptionByScheduler");
        await pod.delete(30);
        return "COMPLETING";
      },
    ],
    async end() {
      await pod.delete();
      return { state: "PREEMPTED", exitCode: "0:0" };
    },
  }),
  "crashes again and again": (pod) => ({
    steps: [
      () => pod.bind(),
      () => pod.run(),
      async () => {
        await pod.status("Running", { waiting: { reason: "CrashLoopBackOff" } });
        return "REQUEUED";
      },
    ],
    async end() {
      await pod.delete();
      return { state: "CANCELLED", exitCode: "0:0" };
    },
  }),
  "succeeds in a run and vanishes": (pod) => ({
    steps: [() => pod.bind(), () => pod.run()],
    async end() {
      await pod.status("Succeeded", pod.terminated(0, "Completed"));
      await pod.record({ state: "executed", exitCode: 0, completionTime: now() });
      await pod.delete();
      return { state: "COMPLETED", exitCode: "0:0" };
    },
  }),
  "is stopped by a run": (pod) => ({
    steps: [() => pod.bind(), () => pod.run()],
    async end() {
      await pod.delete(30);
      await pod.record({ state: "terminated", reason: "Timeout" });
      await pod.delete();
      return { state: "TIMEOUT", exitCode: "0:0" };
    },
  }),
};
