import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pipeline, Task } from "../../crds/generated/types.ts";
import { ANNOTATIONS, LABELS, labelValue, podName } from "../../crds/names.ts";
import type { KubeClient } from "../../kube/client.ts";
import { POD } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Logger } from "../../kube/logger.ts";
import { collectionPath, type KubeObject, objectPath } from "../../kube/resource.ts";
import { REMOVAL_SECONDS, removalPod } from "./removal-pod.ts";
import { removeDirectory } from "./remove-directory.ts";
import { doomedOf, onClaims } from "./run-directories.ts";

/** Tasks that were told to stop may write until their grace period is over. */
const STOPPING_MS = 45_000;
const POLL_MS = 500;

export interface RunFilesOptions {
  client: KubeClient;
  namespace: string;
  logger: Logger;
  /** `data`: where runs write; `rendered`: where the directories of rendered jobs are. */
  paths: { data: string; rendered: string };
  /** Claim of the volume that this process and all tasks have mounted at the same place (O-107); absent in snapshot mode. */
  sharedClaim?: string | undefined;
  /** Our own image, for the pod that removes files on claims; without it they cannot be removed. */
  image?: string | undefined;
  pullSecrets: readonly string[];
  /** See `removalPod`. */
  taskUser?: number | undefined;
}

interface Pod extends KubeObject {
  status?: { phase?: string; containerStatuses?: { state?: { terminated?: { message?: string; reason?: string } } }[] };
}

/** Removes what runs wrote (O-211): directly where the volume is shared, else by a short-lived pod that mounts the tasks' claims. */
export class RunFiles {
  readonly #options: RunFilesOptions;

  constructor(options: RunFilesOptions) {
    this.#options = options;
  }

  /**
   * Removes the run's directory and that of its rendered job, and says whether they no longer exist. The run must have been stopped. Never throws: what
   * went wrong is logged. `workPath` is the definition's, where it has one.
   */
  async remove(run: Pipeline, tasks: readonly Task[], workPath?: string): Promise<boolean> {
    const { paths, sharedClaim, logger } = this.#options;
    const { name } = run.metadata;
    const doomed = doomedOf(name, paths, workPath);
    try {
      await this.#untilQuiet(run);
      if (sharedClaim !== undefined)
        for (const { parent, name: directory } of doomed) await removeDirectory(parent, directory);
      const claims = onClaims(doomed, tasks).filter(({ claim }) => claim !== sharedClaim);
      if (claims.length > 0) await this.#byPod(run, tasks, claims);
      return true;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      logger.warn({ run: name, cause }, "files of a run not removed");
      return false;
    }
  }

  /** Waits until no pod of the run can write any more. */
  async #untilQuiet({ metadata: { name, uid } }: Pipeline): Promise<void> {
    const { client, namespace } = this.#options;
    const path = collectionPath(POD, namespace);
    const until = performance.now() + STOPPING_MS;
    for (;;) {
      const { items } = await client.listAll<Pod>(path, { labelSelector: `${LABELS.run}=${labelValue(name)}` });
      const running = items.find(
        ({ metadata, status }) =>
          // Pods of a Job or PyTorchJob are owned by that, and say themselves which run they are of.
          (metadata.annotations?.[ANNOTATIONS.runUid] === uid ||
            metadata.ownerReferences?.some((owner) => owner.uid === uid)) &&
          status?.phase !== "Succeeded" &&
          status?.phase !== "Failed",
      );
      if (running === undefined) return;
      if (performance.now() > until) throw new Error(`pod ${running.metadata.name} has not ended; try again later`);
      await sleep(POLL_MS);
    }
  }

  async #byPod(run: Pipeline, tasks: readonly Task[], claims: ReturnType<typeof onClaims>): Promise<void> {
    const { client, namespace, image, pullSecrets, taskUser, logger } = this.#options;
    if (image === undefined)
      throw new Error("--image (ODIN_IMAGE) is not set, so no pod can be started that mounts the claims of its tasks");
    const name = podName(run.metadata.name, `removal-${randomBytes(4).toString("hex")}`, 1);
    const body = removalPod(run, tasks, claims, { image, pullSecrets, name, taskUser });
    await client.create(collectionPath(POD, namespace), body);
    const path = objectPath(POD, namespace, name);
    try {
      await this.#succeeds(path);
    } finally {
      await client.delete(path, { propagationPolicy: "Background" }).catch((error: unknown) => {
        if (!isKubeError(error, "notFound")) logger.warn({ pod: name, err: error }, "removal pod not deleted");
      });
    }
  }

  /** Waits for the pod to end; throws if it does not succeed in time. */
  async #succeeds(path: string): Promise<void> {
    const until = performance.now() + (REMOVAL_SECONDS + 5) * 1000;
    for (;;) {
      const { status } = await this.#options.client.get<Pod>(path);
      if (status?.phase === "Succeeded") return;
      const ended = status?.containerStatuses?.[0]?.state?.terminated;
      if (status?.phase === "Failed")
        throw new Error(`the removal pod failed: ${ended?.message?.trim() || ended?.reason || "no reason given"}`);
      if (performance.now() > until) throw new Error(`the removal pod did not end within ${REMOVAL_SECONDS} s`);
      await sleep(POLL_MS);
    }
  }
}
