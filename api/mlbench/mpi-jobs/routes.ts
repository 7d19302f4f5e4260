import type { RouterContext } from "@koa/router";
import { isKubeError } from "../../../kube/errors.ts";
import { EXEC_FAILED } from "../../../kube/exec.ts";
import type { ExecProgram } from "../controller/rank-command.ts";
import { unavailable } from "../mlbench-error.ts";
import type { WorkerObject } from "../pods/worker-object.ts";
import type { WorkerPods } from "../pods/worker-pods.ts";
import { printout } from "../printout.ts";
import { replyStream } from "../reply-stream.ts";
import type { MlbenchRoute } from "../route.ts";
import { execOutput } from "./exec-output.ts";

/** What the route needs. */
export interface MpiJobParts {
  pods: Pick<WorkerPods, "live">;
  /** Where worker pods are. */
  namespace: string;
  exec: ExecProgram;
}

/** POST /api/mpi_jobs/: one program in the first worker, and an answer when it ends (M-65, M-66). */
export function mpiJobRoutes(parts: MpiJobParts): MlbenchRoute[] {
  return [{ path: "/mpi_jobs", methods: { POST: (ctx) => runProgram(parts, ctx) } }];
}

async function runProgram(parts: MpiJobParts, ctx: RouterContext): Promise<void> {
  const workers = parts.pods.live().sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const [first] = workers;
  if (first === undefined) throw unavailable("There are no worker pods");
  const gone = new AbortController();
  ctx.res.once("close", () => gone.abort());
  if (ctx.res.destroyed) gone.abort();
  await replyStream(ctx, answerOf(parts, first, workers, gone.signal));
}

/** The answer piece by piece: what the program writes may be more than memory holds. */
async function* answerOf(
  { exec, namespace }: MpiJobParts,
  first: WorkerObject,
  workers: readonly WorkerObject[],
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const hosts = workers.map(({ ip }) => ip).filter((ip) => ip !== "");
  const command = ["sh", "/usr/bin/mpirun", "--host", hosts.join(","), "/usr/local/bin/python", "/app/main.py"];
  const pod = first.metadata.name;
  const head = {
    nodes: workers.map(({ metadata, ip, labels }) => [ip, namespace, metadata.name, printout(labels)]),
    command: printout(command),
    master_name: pod,
  };
  yield `${JSON.stringify(head).slice(0, -1)},"response":"`;
  try {
    for await (const text of execOutput(exec, { namespace, pod, container: first.container, command }, signal)) {
      yield JSON.stringify(text).slice(1, -1);
    }
  } catch (error) {
    if (isKubeError(error, "notFound", "invalid") || (isKubeError(error) && error.reason === EXEC_FAILED)) {
      throw unavailable(`The program could not be started in worker pod ${pod}`, undefined, error);
    }
    throw error;
  }
  yield '"}';
}
