import type { KubeClient } from "../../kube/client.ts";
import { POD } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import { Informer } from "../../kube/informer.ts";
import { silentLogger } from "../../kube/logger.ts";
import type { KubeObject } from "../../kube/resource.ts";
import { objectPath } from "../../kube/resource.ts";

/** Lets every pod of a namespace succeed some time after it was created, as nodes would. */
export class PodPlayer {
  readonly #client: KubeClient;
  readonly #informer: Informer<KubeObject>;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #work = new Set<Promise<void>>();
  #stopped = false;

  /** `lastsMs`: how long a pod takes; asked for each. */
  constructor(client: KubeClient, namespace: string, lastsMs: () => number) {
    this.#client = client;
    this.#informer = new Informer<KubeObject>({
      client,
      resource: POD,
      namespace,
      project: ({ metadata }) => ({ metadata }),
      logger: silentLogger,
    });
    this.#informer.onChange(({ type, object }) => {
      if (type !== "added" || this.#stopped) return;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        const work = this.#succeed(object).finally(() => this.#work.delete(work));
        this.#work.add(work);
      }, lastsMs());
      this.#timers.add(timer);
    });
  }

  async start(): Promise<void> {
    this.#informer.start();
    await this.#informer.synced;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#informer.stop();
    await Promise.all(this.#work);
  }

  async #succeed({ metadata: { namespace, name } }: KubeObject): Promise<void> {
    const now = new Date().toISOString();
    const terminated = { exitCode: 0, reason: "Completed", startedAt: now, finishedAt: now };
    const container = { name: "main", image: "i", imageID: "", ready: false, restartCount: 0, state: { terminated } };
    const status = { phase: "Succeeded", containerStatuses: [container] };
    try {
      await this.#client.patch(objectPath(POD, namespace, name, "status"), "strategic", { status });
    } catch (error) {
      if (!isKubeError(error, "notFound")) throw error;
    }
  }
}
