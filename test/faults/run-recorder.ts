import type { Pipeline } from "../../crds/generated/types.ts";
import { PIPELINE } from "../../crds/resources.ts";
import type { KubeClient } from "../../kube/client.ts";
import { Informer } from "../../kube/informer.ts";
import type { KubeObject } from "../../kube/resource.ts";
import { until } from "../support/deadline.ts";

const CAUGHT_UP_MS = 60_000;
const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Keeps every version of the runs of a namespace, from a watch of its own that goes through no proxy. The audit log does not have them: the operator
 * has no more than the metadata of its own status writes sent back.
 */
export class RunRecorder {
  readonly #informer: Informer<Pipeline>;
  readonly #versions: Pipeline[] = [];
  readonly #newest = new Map<string, number>();

  constructor(client: KubeClient, namespace: string) {
    this.#informer = new Informer<Pipeline>({
      client,
      resource: PIPELINE,
      namespace,
      project: (raw) => raw as unknown as Pipeline,
      logger: QUIET,
      timings: { backoff: { baseMs: 50, capMs: 500 }, livedMs: 0 },
    });
    this.#informer.onChange(({ object }) => {
      this.#versions.push(object);
      this.#newest.set(object.metadata.uid, Number(object.metadata.resourceVersion));
    });
    this.#informer.start();
  }

  /** All versions so far, those of `there` at least. */
  async versions(there: readonly KubeObject[]): Promise<readonly KubeObject[]> {
    const behind = (): string[] =>
      there
        .filter(({ metadata }) => (this.#newest.get(metadata.uid ?? "") ?? 0) < Number(metadata.resourceVersion))
        .map(({ metadata }) => metadata.name);
    await until(behind, CAUGHT_UP_MS, {
      describe: "the recorder has caught up",
      accept: (names) => names.length === 0,
    });
    return this.#versions as unknown as KubeObject[];
  }

  stop(): Promise<void> {
    return this.#informer.stop();
  }
}
