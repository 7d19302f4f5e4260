import { randomBytes } from "node:crypto";
import { idProblems } from "../../crds/id-problems.ts";
import { MAX_OBJECT_BYTES } from "../../crds/limits.ts";
import { ANNOTATIONS, LABELS, labelValue, MANAGED_BY, newRunId, runPrefix, SAMPLE_TAIL } from "../../crds/names.ts";
import type { Problem } from "../../crds/problem.ts";
import { API_VERSION, PIPELINE } from "../../crds/resources.ts";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import { collectionPath, type KubeObject, objectPath } from "../../kube/resource.ts";
import { ApiError, invalid } from "../errors.ts";
import type { Mapping } from "../templates/value.ts";
import { kindProblems } from "./kind-problems.ts";
import { type RepositorySourceOptions, repositorySource } from "./repository-source.ts";
import type { RunControls } from "./run-controls.ts";
import { appliedSource, type RunSource } from "./run-source.ts";
import { secretProblems } from "./task-secrets.ts";

/** What launching needs. */
export interface Launcher extends RepositorySourceOptions {
  /** Secrets that tasks may mount without a label (O-147). */
  taskSecrets: readonly string[];
}

type Frozen = Awaited<ReturnType<RunSource["store"]>>;

/** Longest that a launch waits for the git remote (O-104). */
const REFRESH_MS = 5_000;
/** Names tried before giving up; with 36^8 of them a second try is rare. */
const ATTEMPTS = 5;
/** Deepest nesting of a context: more would end in the parsers of others. */
const MAX_DEPTH = 64;

/** Whose a run is; his e-mail is told to his tasks (C-79). */
export interface RunUser {
  name: string;
  email: string | undefined;
}

/** Starts a run of a job and returns its id, once the run is stored (O-49, O-65, O-148). */
export async function launch(
  launcher: Launcher,
  id: string,
  context: Record<string, unknown> | undefined,
  user: RunUser,
  controls: RunControls = {},
): Promise<string> {
  const { client, namespace, view } = launcher;
  if (context !== undefined) checkContext(context);
  await launcher.repository.refresh(REFRESH_MS);
  const source =
    (await repositorySource(launcher, id, context as Mapping | undefined)) ??
    (await appliedSource(launcher, id, !launcher.repository.isKnown));
  const { tasks } = source;
  const prefix = runPrefix(id, source.name, tasks);
  const problems: Problem[] = [...source.problems, ...idProblems(prefix, tasks)];
  if (problems.length === 0)
    problems.push(...(await kindProblems(launcher, tasks)), ...(await secretProblems(launcher, tasks)));
  if (problems.length > 0) throw unusable(id, problems);

  const body =
    (frozen: Frozen) =>
    (name: string): object => ({
      apiVersion: API_VERSION,
      kind: PIPELINE.kind,
      metadata: {
        ...{ name, namespace, labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.job]: labelValue(id) } },
        ...(user.email === undefined ? {} : { annotations: { [ANNOTATIONS.userEmail]: user.email } }),
      },
      spec: { job: id, ...frozen, ...(context === undefined ? {} : { context }), ...controls, user: user.name },
    });
  const bytes = Buffer.byteLength(JSON.stringify(body({})(`${prefix}${SAMPLE_TAIL}`)));
  if (bytes > MAX_OBJECT_BYTES)
    throw invalid("context", `the run would have ${bytes} bytes; the most is ${MAX_OBJECT_BYTES}`);
  // Stored last before the run itself: a request that is refused leaves nothing behind.
  const created = await create(client, namespace, prefix, body(await source.store()));
  view.noteRun(created);
  return created.metadata.name;
}

/** Creates the Pipeline. A create whose answer was lost is repeated under the same name, so that it happens once. */
async function create(
  client: KubeClient,
  namespace: string,
  prefix: string,
  body: (name: string) => object,
): Promise<KubeObject> {
  let name = newRunId(prefix, randomBytes);
  let answerLost = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await client.create<KubeObject>(collectionPath(PIPELINE, namespace), body(name));
    } catch (error) {
      if (isKubeError(error, "alreadyExists")) {
        // Nobody else draws the same eight characters between two tries: it is the one whose answer was lost.
        if (answerLost) return await client.get<KubeObject>(objectPath(PIPELINE, namespace, name));
        name = newRunId(prefix, randomBytes);
      } else if (isKubeError(error, "transient") && !answerLost) {
        answerLost = true;
        continue;
      } else throw error;
      if (attempt >= ATTEMPTS) throw error;
    }
  }
}

function unusable(id: string, problems: readonly Problem[]): ApiError {
  const errors = problems.map(({ path, task, detail }) => ({
    path,
    detail: task === undefined ? detail : `task ${task}: ${detail}`,
  }));
  return new ApiError("Invalid", `job ${id} cannot be run: ${errors[0]?.path}: ${errors[0]?.detail}`, { errors });
}

/** Refuses a context nested too deeply; walks without recursion, since depth is what it guards against. */
function checkContext(context: Record<string, unknown>): void {
  let level: unknown[] = [context];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw invalid("context", `is nested more than ${MAX_DEPTH} levels deep`);
    level = level.flatMap((value) => (value !== null && typeof value === "object" ? Object.values(value) : []));
  }
}
