import { setTimeout as delay } from "node:timers/promises";
import { ANNOTATIONS } from "../../../crds/names.ts";
import { PIPELINE } from "../../../crds/resources.ts";
import { backoffDelayMs } from "../../../kube/backoff.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { ApplicationError } from "../mlbench-error.ts";
import type { Register } from "./register.ts";
import type { RunRequest } from "./run-request.ts";
import type { RunSettings } from "./run-settings.ts";
import { newPipeline, objectNameOf, type StoredPipeline } from "./run-spec.ts";
import type { MlbenchRuns } from "./runs.ts";

/** What making a run needs. */
export interface RunCreator {
  client: KubeClient;
  runs: Pick<MlbenchRuns, "namespace" | "noteWritten">;
  register: Pick<Register, "take" | "giveBack">;
  settings: Pick<RunSettings, "singleRun">;
}

/** How long a creation is tried again that the API server does not answer. */
const TRY_FOR_MS = 8_000;
const BACKOFF = { baseMs: 200, capMs: 2_000 };
/** Objects of others that have the name of the next run. */
const SQUATTERS = 20;

/**
 * Makes a run, as one atomic step with the check that nothing is in its way (M-38, M-40). Throws the 409; a KubeError means that there is no run, or, where
 * the API server did not answer, that there is at most one.
 */
export async function createRun(creator: RunCreator, request: RunRequest, user?: string): Promise<StoredPipeline> {
  const { register, settings } = creator;
  const { name } = request.plan;
  const alone = settings.singleRun || request.isDocumentForm;
  for (let tries = 1; ; tries++) {
    const registered = await register.take({ name, alone });
    if (registered.kind === "taken") throw alreadyActive(registered.by === "name" ? name : undefined);
    const { id, token } = registered;
    const body = newPipeline(id, creator.runs.namespace, request.plan, user);
    const metadata = { ...(body.metadata as object), annotations: { [ANNOTATIONS.mlbenchRequest]: token } };
    let run: StoredPipeline | undefined;
    try {
      run = await createOnce(creator, objectNameOf(id), { ...body, metadata }, token);
    } catch (error) {
      // Whether it was made is not known where there was no answer; then the name stays taken for as long as that can matter.
      if (!isKubeError(error, "transient", "throttled")) await register.giveBack(name, token);
      throw isKubeError(error, "invalid") ? new ApplicationError(400, error.message) : error;
    }
    if (run !== undefined) {
      creator.runs.noteWritten(run as unknown as KubeObject);
      return run;
    }
    await register.giveBack(name, token);
    if (tries >= SQUATTERS) throw new ApplicationError(503, "Objects of others have the names of the next runs");
  }
}

/** The 409 for a run that is in the way (M-40). */
function alreadyActive(name: string | undefined): ApplicationError {
  return new ApplicationError(409, `There is already an active run${name === undefined ? "" : ` named ${name}`}`);
}

/** Creates the object, however often it has to be sent; undefined where another one has its name. */
async function createOnce(
  { client, runs }: RunCreator,
  name: string,
  body: unknown,
  token: string,
): Promise<StoredPipeline | undefined> {
  const deadline = performance.now() + TRY_FOR_MS;
  for (let failures = 1; ; failures++) {
    try {
      return await client.create<StoredPipeline>(collectionPath(PIPELINE, runs.namespace), body, { timeoutMs: 5_000 });
    } catch (error) {
      if (isKubeError(error, "alreadyExists")) {
        const found = await client.get<StoredPipeline>(objectPath(PIPELINE, runs.namespace, name));
        return found.metadata.annotations?.[ANNOTATIONS.mlbenchRequest] === token ? found : undefined;
      }
      if (!isKubeError(error, "transient", "throttled") || performance.now() > deadline) throw error;
      await delay(Math.max(backoffDelayMs(failures, BACKOFF), error.retryAfterMs ?? 0));
    }
  }
}
