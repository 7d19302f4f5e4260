import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runIdOf, type StoredPipeline } from "../../../api/mlbench/runs/run-spec.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { LEASE } from "../../../kube/lease.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { until, within } from "../../support/deadline.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { kubeConfig } from "../api/facade-stage.ts";
import { FaultProxy } from "../kube/fault-proxy.ts";
import { FORM, SERVICE, SERVICE_ACCOUNT, STATEFUL_SET } from "./run-stage.ts";

export const LONG_MS = 180_000;
const RELEASE = "rel";

/** What a POST of a run writes to Kubernetes and where, in this order; from the third on it is the controller that does. */
export const WRITES = [
  { what: "the reservation", where: "configmaps" },
  { what: "the Pipeline", where: "pipelines" },
  { what: "the start", where: "pipelines" },
  { what: "the Service", where: "services" },
  { what: "the StatefulSet", where: "statefulsets" },
  { what: "where the workers are", where: "pipelines" },
] as const;

/** What becomes of the write at which the process is killed. */
export const FATES = ["never arrives", "arrives late", "is carried out, and nobody is answered"] as const;

/** A moment at which a process is killed: when it sends so many writes, from 1. */
export interface KillPoint {
  write: number;
  fate: (typeof FATES)[number];
}

/** A run as Kubernetes has it. */
interface StoredRun {
  id: number | undefined;
  name: string | undefined;
  uid: string;
  /** Whether all of `WRITES` are there. */
  isWritten: boolean;
}

/** An API with a controller, as a program of its own, that is killed at moments of the test's choice. Only what it writes about runs counts as a write. */
export class KilledApi {
  readonly client = new KubeClient({ kubeConfig: kubeConfig(), userAgent: "odin-test" });
  readonly #namespace: TemporaryNamespace;
  readonly #directory: TemporaryDirectory;
  readonly #proxy: FaultProxy;
  #api: OdinProcess | undefined;

  private constructor(namespace: TemporaryNamespace, directory: TemporaryDirectory, proxy: FaultProxy) {
    this.#namespace = namespace;
    this.#directory = directory;
    this.#proxy = proxy;
  }

  /** Makes its namespace and starts the first process. */
  static async open(): Promise<KilledApi> {
    try {
      const namespace = await temporaryNamespace("mlbench-killed");
      const directory = await temporaryDirectory();
      const api = new KilledApi(namespace, directory, await FaultProxy.start());
      await writeFile(api.#kubeconfig, api.#proxy.kubeConfigText(namespace.name));
      const metadata = { name: `${RELEASE}-mlbench-worker-sa` };
      await api.client.create(collectionPath(SERVICE_ACCOUNT, namespace.name), {
        ...{ apiVersion: "v1", kind: "ServiceAccount", metadata },
      });
      api.start();
      return api;
    } catch (error) {
      console.error(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#api?.end("SIGKILL");
    await this.#proxy.stop();
    this.client.close();
    await this.#namespace.remove();
    await this.#directory.remove();
  }

  /** Starts the next process, which need not listen yet. */
  start(): void {
    this.#api = new OdinProcess("api", {
      KUBECONFIG: this.#kubeconfig,
      ODIN_LISTEN: "127.0.0.1:0",
      ODIN_SECRET: "the secret of the tests of kills, long enough",
      ODIN_NAMESPACE: this.#namespace.name,
      ODIN_STORE: join(this.#directory.path, "store.db"),
      MLBENCH_NAMESPACE: this.#namespace.name,
      MLBENCH_KUBE_RELEASENAME: RELEASE,
      MLBENCH_SCRAPE_SECONDS: "0",
      MLBENCH_SPREAD: "preferred",
    });
  }

  /** Waits until its controller carries runs out, and has written all that it had to write of them. */
  async untilIdle(): Promise<void> {
    await this.#running.untilSaid("carrying out the runs of MLBench");
    await until(() => this.runs(), LONG_MS, {
      describe: "all runs have their workers",
      accept: (runs) => runs.every(({ isWritten }) => isWritten),
    });
  }

  /** Kills it now; its lease is free then, as nobody is left who could hold it. */
  async kill(): Promise<void> {
    await this.#running.end("SIGKILL");
    const lease = objectPath(LEASE, this.#namespace.name, `${RELEASE}-mlbench`);
    await this.client.delete(lease).catch((error: unknown) => {
      if (!isKubeError(error, "notFound")) throw error;
    });
  }

  /** Has it killed at a write from now on. */
  killAt({ write, fate }: KillPoint): KillOrder {
    let count = 0;
    let letGo = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const killed = new Promise<void>((resolve, reject) => {
      const kill = (): Promise<void> => this.kill().then(resolve, reject);
      this.#proxy.decide = (seen) => {
        if (writtenResource(seen) === undefined || ++count !== write) return { kind: "forward" };
        if (fate === "is carried out, and nobody is answered") return { kind: "beforeAnswer", act: kill };
        if (fate === "arrives late") return { kind: "beforeRequest", act: () => kill().then(() => released) };
        void kill();
        return { kind: "hang" };
      };
    });
    return { killed: within(LONG_MS, () => killed), letGo };
  }

  /** Where it has written until now, one resource for each write. */
  get writes(): string[] {
    return this.#proxy.requests.flatMap((seen) => writtenResource(seen) ?? []);
  }

  /** Posts a run of that name; undefined where the process that was asked has died. */
  async post(name: string): Promise<Answer | undefined> {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = new URLSearchParams({ ...FORM, num_workers: "1", name }).toString();
    return await this.send("POST", "/api/runs/", { headers, body }).catch(() => undefined);
  }

  /** Does so until the process that runs now knows what to say; until then it is not there, or says 503. */
  async postUntilAnswered(name: string): Promise<Answer> {
    const answer = await until(() => this.post(name), LONG_MS, {
      describe: `an answer to the POST of ${name}`,
      accept: (one) => one !== undefined && one.status !== 503,
    });
    if (answer === undefined) throw new Error("never");
    return answer;
  }

  /** Sends a request to the process that runs now; rejects if nothing answers it. */
  async send(...[method, path, options]: [string, string, Parameters<typeof send>[3]?]): Promise<Answer> {
    const port = /"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(this.#running.output)?.[1];
    if (port === undefined) throw new Error("it does not listen yet");
    return await send(Number(port), method, path, options);
  }

  /** The runs that are there, as the API server has them, whoever was told of them. */
  async runs(): Promise<StoredRun[]> {
    const { items } = await this.client.listAll<StoredPipeline & KubeObject>(
      collectionPath(PIPELINE, this.#namespace.name),
    );
    return items.map(({ metadata, spec, status }) => ({
      ...{ id: runIdOf(metadata), name: spec.runName, uid: metadata.uid },
      isWritten: status?.workers?.setUid !== undefined,
    }));
  }

  /** The UIDs of the runs that StatefulSets and Services belong to. */
  async owners(): Promise<Record<"sets" | "services", string[]>> {
    const [sets, services] = await Promise.all(
      [STATEFUL_SET, SERVICE].map(async (resource) => {
        const { items } = await this.client.listAll<KubeObject>(collectionPath(resource, this.#namespace.name));
        return items.map(({ metadata }) => metadata.ownerReferences?.[0]?.uid ?? "nobody").sort();
      }),
    );
    return { sets: sets ?? [], services: services ?? [] };
  }

  get #running(): OdinProcess {
    if (this.#api === undefined) throw new Error("no process");
    return this.#api;
  }

  get #kubeconfig(): string {
    return join(this.#directory.path, "kubeconfig");
  }
}

/** A kill that is to come. */
interface KillOrder {
  killed: Promise<void>;
  /** Lets a write that arrives late arrive. */
  letGo(): void;
}

/** The resource of runs that a request changes; undefined for any other request. */
function writtenResource({ method, url }: { method: string; url: string }): string | undefined {
  return method === "GET" ? undefined : /\/(configmaps|pipelines|services|statefulsets)(\/|\?|$)/.exec(url)?.[1];
}
