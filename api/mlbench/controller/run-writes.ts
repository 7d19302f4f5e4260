import type { PipelineStatus } from "../../../crds/generated/types.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { type KubeObject, objectPath } from "../../../kube/resource.ts";
import type { StoredPipeline } from "../runs/run-spec.ts";
import type { MlbenchRuns } from "../runs/runs.ts";

interface RunWritesParts {
  /** May write only while this process leads. */
  client: KubeClient;
  namespace: string;
  runs: Pick<MlbenchRuns, "noteWritten">;
  /** Has a run looked at again, at once or after a time. */
  touch(key: string, afterMs?: number): void;
}

/** How soon a run whose object has changed is looked at again, where no event tells. */
const CHANGED_MS = 200;

/** What the active controller writes to the Pipelines of runs; what is written counts at once, before the watch tells of it. */
export class RunWrites {
  readonly #parts: RunWritesParts;

  constructor(parts: RunWritesParts) {
    this.#parts = parts;
  }

  /** Undefined as for `patch`. */
  async status(run: StoredPipeline, status: PipelineStatus): Promise<StoredPipeline | undefined> {
    return await this.patch(run, "status", { metadata: { uid: run.metadata.uid }, status });
  }

  /** Undefined where the run is gone, or has changed: it is looked at again then. */
  async patch(run: StoredPipeline, part: "status" | undefined, body: object): Promise<StoredPipeline | undefined> {
    try {
      return await this.patchOrThrow(run, part, body);
    } catch (error) {
      if (!isKubeError(error, "notFound", "conflict")) throw error;
      this.#parts.touch(this.keyOf(run), CHANGED_MS);
      return undefined;
    }
  }

  /** Rejects with a KubeError, also where the run is gone or has changed. */
  async patchOrThrow(run: StoredPipeline, part: "status" | undefined, body: object): Promise<StoredPipeline> {
    const { client, namespace, runs } = this.#parts;
    const path = objectPath(PIPELINE, namespace, run.metadata.name, part);
    const written = await client.patch<StoredPipeline>(
      path,
      "merge",
      body,
      part === undefined ? {} : { lane: "status" },
    );
    runs.noteWritten(written as unknown as KubeObject);
    return written;
  }

  /** The key by which a run is looked at. */
  keyOf({ metadata }: StoredPipeline): string {
    return `${this.#parts.namespace}/${metadata.name}`;
  }

  /** The time that is written, by the clock of the API server. */
  now(): string {
    return this.#parts.client.clock.now();
  }
}
