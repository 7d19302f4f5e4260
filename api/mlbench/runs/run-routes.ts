import type { RouterContext } from "@koa/router";
import { PIPELINE } from "../../../crds/resources.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { type KubeObject, objectPath } from "../../../kube/resource.ts";
import { fieldsOf } from "../body.ts";
import type { MlbenchCaller } from "../caller.ts";
import { printout } from "../printout.ts";
import { reply, replyText } from "../reply.ts";
import type { MlbenchRoute } from "../route.ts";
import { createRun, type RunCreator } from "./create-run.ts";
import { detailText, type OutputLines } from "./run-detail.ts";
import { runObject } from "./run-object.ts";
import { BANDWIDTH_WARNING, RUN_FIELDS, readRunRequest } from "./run-request.ts";
import type { RunSettings } from "./run-settings.ts";
import type { StoredPipeline } from "./run-spec.ts";
import { type MlbenchRuns, runNotFound } from "./runs.ts";

/** What the routes of runs need. */
export interface RunRouteParts {
  client: KubeClient;
  runs: MlbenchRuns;
  register: RunCreator["register"];
  output: OutputLines;
  settings: RunSettings;
}

/** GET and POST /api/runs/, GET and DELETE /api/runs/<id>/ (M-34 to M-41). */
export function runRoutes(parts: RunRouteParts): MlbenchRoute[] {
  const { runs } = parts;
  return [
    {
      path: "/runs",
      methods: {
        GET: (ctx) => reply(ctx, 200, runs.all().map(runObject)),
        POST: (ctx, caller) => post(parts, ctx, caller),
      },
      body: { kind: "fields", names: RUN_FIELDS },
    },
    {
      path: "/runs/:key",
      methods: {
        GET: (ctx) => detail(parts, ctx),
        DELETE: (ctx) => remove(parts, ctx),
      },
    },
  ];
}

async function post(parts: RunRouteParts, ctx: RouterContext, caller: MlbenchCaller): Promise<void> {
  const request = readRunRequest(fieldsOf(ctx), parts.settings);
  const run = await createRun(parts, request, caller.username);
  if (request.plan.egressMbits !== undefined) ctx.set("Warning", `299 - "${BANDWIDTH_WARNING}"`);
  reply(ctx, 201, runObject(run));
}

async function detail({ runs, output }: RunRouteParts, ctx: RouterContext): Promise<void> {
  const run = runs.ofKey(ctx.params.key);
  const shown = runObject(run);
  if (shown === undefined) throw runNotFound();
  replyText(ctx, 200, await detailText(shown, output, placed(run)));
}

/** What is known from the moment that the workers are ready (M-36). */
function placed({ metadata, status }: StoredPipeline): Record<string, unknown> {
  const { ranks, command, master, labels = {} } = status?.workers ?? {};
  if (ranks === undefined) return {};
  const { namespace = "" } = metadata;
  return {
    pods: ranks.map((rank) => [rank.ip ?? "", namespace, rank.pod, printout({ ...labels, ...rank.labels })]),
    command,
    master_name: master,
  };
}

/** Answers as soon as the mark is on the object; the controller does the rest (M-41, M-58). */
async function remove({ client, runs }: RunRouteParts, ctx: RouterContext): Promise<void> {
  const { name, uid } = runs.ofKey(ctx.params.key).metadata;
  const path = objectPath(PIPELINE, runs.namespace, name);
  try {
    // Another process may have marked it already, which the cache here does not know yet.
    const stored = await client.get<KubeObject>(path);
    if (stored.metadata.uid !== uid || stored.metadata.deletionTimestamp !== undefined) throw runNotFound();
    const answer = await client.delete<Partial<KubeObject>>(path, { uid, propagationPolicy: "Background" });
    if (answer.metadata?.uid === uid) runs.noteWritten(answer as KubeObject);
    else runs.informer.noteDeleted(uid);
  } catch (error) {
    throw isKubeError(error, "notFound", "conflict") ? runNotFound() : error;
  }
  reply(ctx, 204, undefined);
}
