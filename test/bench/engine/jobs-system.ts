import { collectionPath, type KubeObject } from "../../../kube/resource.ts";
import { type BenchCluster, NAMESPACE } from "./cluster.ts";
import type { BenchRun } from "./graphs.ts";
import type { PodIdentity, System } from "./system.ts";

const JOB = { group: "batch", version: "v1", plural: "jobs", kind: "Job", namespaced: true } as const;

interface JobObject extends KubeObject {
  status?: { conditions?: { type: string; status: string }[] };
}

/** The reference line: one plain batch/v1 Job for each task, made into pods by kube-controller-manager; runs of one task only. */
export class JobsSystem implements System {
  readonly user = "system:serviceaccount:kube-system:job-controller";
  readonly resource = "jobs";
  readonly #cluster: BenchCluster;

  constructor(cluster: BenchCluster) {
    this.#cluster = cluster;
  }

  pid(): number {
    return this.#cluster.component("kube-controller-manager").pid;
  }

  check(): void {
    this.#cluster.component("kube-controller-manager").check();
  }

  async submit({ name, tasks }: BenchRun): Promise<void> {
    if (tasks.length !== 1) throw new Error(`${name} has ${tasks.length} tasks; a Job has one`);
    await this.#cluster.client.create(collectionPath(JOB, NAMESPACE), {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name },
      spec: {
        backoffLimit: 0,
        template: {
          spec: {
            restartPolicy: "Never",
            automountServiceAccountToken: false,
            containers: [{ name: "main", image: "simulated", command: ["run"] }],
          },
        },
      },
    });
  }

  async unfinished(runs: readonly BenchRun[]): Promise<string[]> {
    const { items } = await this.#cluster.client.listAll<JobObject>(collectionPath(JOB, NAMESPACE));
    const complete = new Set(
      items
        .filter(({ status }) =>
          status?.conditions?.some(({ type, status: is }) => type === "Complete" && is === "True"),
        )
        .map(({ metadata }) => metadata.name),
    );
    return runs.map(({ name }) => name).filter((name) => !complete.has(name));
  }

  /** The controller names pods after their Job, with five random characters. */
  identify(pod: string): PodIdentity | undefined {
    const run = /^(.+)-[a-z0-9]{5}$/.exec(pod)?.[1];
    return run === undefined ? undefined : { run, task: "t0", attempt: 1 };
  }

  async sentBytes(): Promise<Map<string, number>> {
    return new Map();
  }

  async stop(): Promise<void> {}
}
