import { objectAt, textAt } from "../body.ts";
import { invalid } from "../errors.ts";
import type { Gpus } from "../gpu/gpus.ts";
import { queryBoolean, queryInteger, queryText } from "../query.ts";
import { param, type Route } from "../route.ts";
import { Turns } from "../turns.ts";
import { type AppParts, appRoutes } from "./app-route.ts";
import { type Cleaner, cleanUp } from "./cleanup.ts";
import { HistoryPages } from "./history-pages.ts";
import { isObjectName, parseJobId, pipelineUnknown } from "./ids.ts";
import { type JobParts, jobRoutes } from "./job-routes.ts";
import { type Launcher, launch } from "./launch.ts";
import { nodesView } from "./nodes-view.ts";
import { pipelineView } from "./pipeline-view.ts";
import { requestEmail, requestUser } from "./request-user.ts";
import { type ResourceParts, resourceRoutes } from "./resource-routes.ts";
import { changeControls, controlRun, launchControls } from "./run-controls.ts";
import { RunList } from "./run-list.ts";

/** What the routes of Odin rest on. */
export interface OdinParts extends AppParts, JobParts, ResourceParts {
  launcher: Launcher;
  cleaner: Cleaner;
  gpus: Pick<Gpus, "nodes" | "freshMs">;
}

const MAX_LIMIT = 1000;
/** A list larger than this takes its turn: handing it to the system alone costs a part of a millisecond. */
const SMALL_BYTES = 32 * 1024;

/** The routes of the Odin API that are served so far (§3 of its contract). */
export function odinRoutes(parts: OdinParts): Route[] {
  const start = startPipeline(parts);
  return [
    { method: "GET", path: "/v1/ping", access: "open", needsCaches: false, handle: ping },
    ...appRoutes(parts),
    ...jobRoutes(parts),
    { method: "GET", path: "/v1/pipelines", access: "status", handle: listPipelines(parts) },
    { method: "POST", path: "/v1/pipelines", access: "write", body: "json", handle: start },
    { method: "GET", path: "/v1/pipelines/:id", access: "status", handle: getPipeline(parts) },
    { method: "PUT", path: "/v1/pipelines/:id", access: "write", body: "json", handle: changePipeline(parts) },
    {
      method: "DELETE",
      path: "/v1/pipelines/:id",
      access: "write",
      handle: deletePipeline(parts, (cleanups) => ({ cleanups })),
    },
    // The document's headings and its kill example use the singular, with a bare list as the reply (O-59).
    { method: "POST", path: "/v1/pipeline", access: "write", body: "json", handle: start },
    {
      method: "DELETE",
      path: "/v1/pipeline/:id",
      access: "write",
      handle: deletePipeline(parts, (cleanups) => cleanups),
    },
    ...resourceRoutes(parts),
    { method: "GET", path: "/v1/nodes", access: "status", handle: listNodes(parts) },
  ];
}

type Handler = Route["handle"];

/** A JSON string, so that Koa does not take it for text (O-40). */
const ping: Handler = (ctx) => {
  ctx.type = "json";
  ctx.body = JSON.stringify("pong");
};

function listPipelines({ view, history }: OdinParts): Handler {
  const list = new RunList(view);
  const pages = new HistoryPages(history, view);
  const turns = new Turns();
  return async (ctx) => {
    const q = queryText(ctx.query, "q");
    const limit = queryInteger(ctx.query, "limit", 1, MAX_LIMIT) ?? MAX_LIMIT;
    const older = pages.fresh(q, limit) ?? (await pages.page(q, limit));
    const kept = list.kept(q, limit, older);
    if (kept === undefined || kept.body.length > SMALL_BYTES) await turns.next();
    const { body, total } = list.reply(q, limit, older);
    if (total > limit) ctx.set("X-Total-Count", String(total));
    ctx.type = "json";
    ctx.body = body;
  };
}

function getPipeline({ view, history }: OdinParts): Handler {
  return async (ctx) => {
    const id = param(ctx, "id");
    const run = view.run(id) ?? (await history.run(id));
    if (run === undefined) throw pipelineUnknown(id);
    ctx.body = { pipeline: pipelineView(run) };
  };
}

function startPipeline({ launcher }: OdinParts): Handler {
  return async (ctx) => {
    const body = objectAt("body", ctx.request.body);
    const pipeline = objectAt("pipeline", body.pipeline);
    const text = textAt("pipeline.", pipeline, "job");
    const job = parseJobId(text);
    if (job === undefined)
      throw invalid("pipeline.job", "is no job id: 1 to 8 segments of letters, digits, . _ and -, joined by / or __");
    const context = body.context === undefined || body.context === null ? undefined : objectAt("context", body.context);
    const user = { name: requestUser(ctx), email: requestEmail(ctx) };
    const id = await launch(launcher, job, context, user, launchControls(pipeline));
    ctx.body = { pipeline: { id, job, name: id } };
  };
}

/** Beyond the contract: what the control fields of a Pipeline object are to users of kubectl. */
function changePipeline({ cleaner }: OdinParts): Handler {
  return async (ctx) => {
    const controls = changeControls(objectAt("pipeline", objectAt("body", ctx.request.body).pipeline));
    const run = await controlRun(cleaner, param(ctx, "id"), requestUser(ctx), controls);
    ctx.body = { pipeline: pipelineView(run) };
  };
}

function deletePipeline({ cleaner }: OdinParts, reply: (rows: Awaited<ReturnType<typeof cleanUp>>) => object): Handler {
  return async (ctx) => {
    const id = param(ctx, "id");
    const db = queryBoolean(ctx.query, "db");
    const fs = queryBoolean(ctx.query, "fs");
    if (!isObjectName(id)) throw pipelineUnknown(id);
    ctx.body = reply(await cleanUp(cleaner, id, requestUser(ctx), { db, fs }));
  };
}

function listNodes({ gpus }: OdinParts): Handler {
  return (ctx) => {
    ctx.body = nodesView(gpus.nodes(), performance.now(), gpus.freshMs);
  };
}
