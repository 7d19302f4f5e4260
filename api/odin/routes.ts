import { Readable } from "node:stream";
import type { RouterContext } from "@koa/router";
import type { Paths } from "../../crds/run-paths.ts";
import { objectAt, textAt } from "../body.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import { ApiError, invalid, retryAfter } from "../errors.ts";
import { Gate } from "../gate.ts";
import type { Gpus } from "../gpu/gpus.ts";
import { queryBoolean, queryInteger, queryText } from "../query.ts";
import { param, type Route } from "../route.ts";
import { Turns } from "../turns.ts";
import { type AppParts, appRoutes } from "./app-route.ts";
import { type Cleaner, cleanUp } from "./cleanup.ts";
import { dataView } from "./data-view.ts";
import { eventObjects } from "./event-objects.ts";
import { eventsView } from "./events-view.ts";
import { isContainerName, isObjectName, parseJobId, pipelineUnknown, resourceUnknown } from "./ids.ts";
import { type JobParts, jobRoutes } from "./job-routes.ts";
import { type Launcher, launch } from "./launch.ts";
import { followLogs } from "./log-follow.ts";
import { type LogOptions, logTargets, type OpenLog } from "./log-source.ts";
import { logReply } from "./logs.ts";
import { nodesView } from "./nodes-view.ts";
import { pipelineView } from "./pipeline-view.ts";
import { requestUser } from "./request-user.ts";
import { type FoundResource, findResource } from "./resource.ts";
import { RunList } from "./run-list.ts";

/** What the routes of Odin rest on. */
export interface OdinParts extends AppParts, JobParts {
  view: ClusterView;
  paths: Paths;
  launcher: Launcher;
  cleaner: Cleaner;
  openLog: OpenLog;
  gpus: Pick<Gpus, "nodes" | "freshMs">;
  /** Aborts when the server stops: streams that would go on for ever end. */
  stopping: AbortSignal;
}

const MAX_LIMIT = 1000;
/** A list larger than this takes its turn: handing it to the system alone costs a part of a millisecond. */
const SMALL_BYTES = 32 * 1024;
const MAX_LOG_LINES = 1_000_000;
/** Followed logs at once, each with a connection to the API server. */
const MAX_FOLLOWERS = 100;

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
    { method: "GET", path: "/v1/resources/:id/data", access: "read", handle: getData(parts) },
    { method: "GET", path: "/v1/resources/:id/events", access: "status", handle: getEvents(parts) },
    { method: "GET", path: "/v1/resources/:id/logs", access: "read", handle: getLogs(parts) },
    { method: "GET", path: "/v1/nodes", access: "status", handle: listNodes(parts) },
  ];
}

type Handler = Route["handle"];

/** A JSON string, so that Koa does not take it for text (O-40). */
const ping: Handler = (ctx) => {
  ctx.type = "json";
  ctx.body = JSON.stringify("pong");
};

function listPipelines({ view }: OdinParts): Handler {
  const list = new RunList(view);
  const turns = new Turns();
  return async (ctx) => {
    const q = queryText(ctx.query, "q");
    const limit = queryInteger(ctx.query, "limit", 1, MAX_LIMIT) ?? MAX_LIMIT;
    const kept = list.kept(q, limit);
    if (kept === undefined || kept.body.length > SMALL_BYTES) await turns.next();
    const { body, total } = list.reply(q, limit);
    if (total > limit) ctx.set("X-Total-Count", String(total));
    ctx.type = "json";
    ctx.body = body;
  };
}

function getPipeline({ view }: OdinParts): Handler {
  return (ctx) => {
    const id = param(ctx, "id");
    const run = view.run(id);
    if (run === undefined) throw pipelineUnknown(id);
    ctx.body = { pipeline: pipelineView(run) };
  };
}

function startPipeline({ launcher }: OdinParts): Handler {
  return async (ctx) => {
    const body = objectAt("body", ctx.request.body);
    const text = textAt("pipeline.", objectAt("pipeline", body.pipeline), "job");
    const job = parseJobId(text);
    if (job === undefined)
      throw invalid("pipeline.job", "is no job id: 1 to 8 segments of letters, digits, . _ and -, joined by / or __");
    const context = body.context === undefined || body.context === null ? undefined : objectAt("context", body.context);
    const id = await launch(launcher, job, context, requestUser(ctx));
    ctx.body = { pipeline: { id, job, name: id } };
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

function getData({ view, paths }: OdinParts): Handler {
  return (ctx) => {
    ctx.body = dataView(resourceOf(view, ctx), paths);
  };
}

function getEvents({ view }: OdinParts): Handler {
  return (ctx) => {
    const found = resourceOf(view, ctx);
    const objects = eventObjects(view, found);
    ctx.body = {
      events: eventsView(
        param(ctx, "id"),
        found,
        objects.map((object) => view.eventsOf(object)),
      ),
    };
  };
}

function getLogs({ view, openLog, stopping }: OdinParts): Handler {
  const followers = new Gate(MAX_FOLLOWERS, 0);
  return async (ctx) => {
    const found = resourceOf(view, ctx);
    const options = logOptions(ctx);
    const follow = queryBoolean(ctx.query, "follow");
    const left = new AbortController();
    ctx.res.once("close", () => left.abort());
    const signal = AbortSignal.any([left.signal, stopping]);
    if (follow) {
      if (followers.full) {
        throw new ApiError("Busy", `${MAX_FOLLOWERS} logs are being followed already; try again later`, {
          headers: retryAfter(30),
        });
      }
      void followers.run(
        () => aborted(left.signal),
        () => new ApiError("Busy", "too many followers"),
      );
      ctx.type = "text/plain; charset=utf-8";
      ctx.set("Cache-Control", "no-store");
      ctx.body = Readable.from(followLogs(view, () => findResource(view, param(ctx, "id")), openLog, options, signal));
      // The header goes out now: a task that has not started yet may have nothing to say for hours.
      ctx.flushHeaders();
      return;
    }
    const pieces = logReply(logTargets(view, found), openLog, options, signal);
    // Awaited here, so that an API server that is down still becomes a 503.
    const first = await pieces.next();
    ctx.type = "json";
    ctx.body = Readable.from(continued(first, pieces));
  };
}

async function* continued(first: IteratorResult<string>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (!first.done) yield first.value;
  yield* rest;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function logOptions(ctx: RouterContext): LogOptions {
  const lines = queryInteger(ctx.query, "lines", 0, MAX_LOG_LINES);
  const container = queryText(ctx.query, "container");
  if (container !== undefined && !isContainerName(container)) throw invalid("container", "is no name of a container");
  return { ...(lines === undefined ? {} : { lines }), ...(container === undefined ? {} : { container }) };
}

function listNodes({ gpus }: OdinParts): Handler {
  return (ctx) => {
    ctx.body = nodesView(gpus.nodes(), performance.now(), gpus.freshMs);
  };
}

function resourceOf(view: ClusterView, ctx: RouterContext): FoundResource {
  const id = param(ctx, "id");
  const found = findResource(view, id);
  if (found === undefined) throw resourceUnknown(id);
  return found;
}
