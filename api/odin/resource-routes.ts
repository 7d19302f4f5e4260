import { Readable } from "node:stream";
import type { RouterContext } from "@koa/router";
import type { Paths } from "../../crds/run-paths.ts";
import type { ClusterView } from "../cache/cluster-view.ts";
import { ApiError, invalid, retryAfter } from "../errors.ts";
import { Gate } from "../gate.ts";
import { queryBoolean, queryInteger, queryText } from "../query.ts";
import { param, type Route } from "../route.ts";
import { dataView } from "./data-view.ts";
import { eventObjects } from "./event-objects.ts";
import { eventsView } from "./events-view.ts";
import { isContainerName, isObjectName, resourceUnknown } from "./ids.ts";
import type { KeptLogs } from "./kept-logs.ts";
import { followLogs } from "./log-follow.ts";
import { type LogOptions, type LogTarget, logTargets, type OpenLog } from "./log-source.ts";
import { logReply } from "./logs.ts";
import { type FoundResource, findResource } from "./resource.ts";
import type { RunHistory } from "./run-history.ts";

/** What the routes below /v1/resources rest on. */
export interface ResourceParts {
  view: ClusterView;
  paths: Paths;
  openLog: OpenLog;
  keptLogs: KeptLogs;
  history: RunHistory;
  /** Aborts when the server stops: streams that would go on for ever end. */
  stopping: AbortSignal;
}

const MAX_LOG_LINES = 1_000_000;
/** Followed logs at once, each with a connection to the API server. */
const MAX_FOLLOWERS = 100;

type Handler = Route["handle"];

/** Data, events and logs of a run, a task or one of its pods (O-220 to O-225). */
export function resourceRoutes(parts: ResourceParts): Route[] {
  return [
    { method: "GET", path: "/v1/resources/:id/data", access: "read", handle: getData(parts) },
    { method: "GET", path: "/v1/resources/:id/events", access: "status", handle: getEvents(parts) },
    { method: "GET", path: "/v1/resources/:id/logs", access: "read", handle: getLogs(parts) },
  ];
}

function getData(parts: ResourceParts): Handler {
  return async (ctx) => {
    ctx.body = dataView(await resourceOf(parts, ctx), parts.paths);
  };
}

function getEvents(parts: ResourceParts): Handler {
  const { view, keptLogs } = parts;
  return async (ctx) => {
    const found = await resourceOf(parts, ctx);
    const kept = await keptLogs.ofRun(found.run.pipeline.metadata.uid);
    const coreEvents = eventObjects(view, found, kept).map((object) => view.eventsOf(object));
    ctx.body = { events: eventsView(param(ctx, "id"), found, coreEvents, kept) };
  };
}

function getLogs(parts: ResourceParts): Handler {
  const { view, keptLogs, openLog, stopping } = parts;
  const followers = new Gate(MAX_FOLLOWERS, 0);
  const targetsOf = async (found: FoundResource): Promise<LogTarget[]> =>
    logTargets(view, found, await keptLogs.ofRun(found.run.pipeline.metadata.uid));
  return async (ctx) => {
    const found = await resourceOf(parts, ctx);
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
      ctx.body = Readable.from(followLogs(view, refound(view, found, ctx), targetsOf, openLog, options, signal));
      // The header goes out now: a task that has not started yet may have nothing to say for hours.
      ctx.flushHeaders();
      return;
    }
    const pieces = logReply(await targetsOf(found), openLog, options, signal);
    // Awaited here, so that an API server that is down still becomes a 503.
    const first = await pieces.next();
    ctx.type = "json";
    ctx.body = Readable.from(continued(first, pieces));
  };
}

/** The same resource as it is at a later time; undefined once its run is gone. */
function refound(view: ClusterView, found: FoundResource, ctx: RouterContext): () => FoundResource | undefined {
  const wasKept = view.run(found.run.pipeline.metadata.name)?.pipeline.metadata.uid !== found.run.pipeline.metadata.uid;
  return () => {
    // A run that only the archive knew when it was asked for does not change any more.
    if (wasKept) return found;
    const run = view.run(found.run.pipeline.metadata.name);
    if (run?.pipeline.metadata.uid !== found.run.pipeline.metadata.uid) return undefined;
    return findResource(view, param(ctx, "id")) ?? { ...found, run };
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

/** The resource of the path; one that only the archive still knows is found there. Throws a 404 for everything else (O-220). */
async function resourceOf(parts: ResourceParts, ctx: RouterContext): Promise<FoundResource> {
  const id = param(ctx, "id");
  const found =
    findResource(parts.view, id) ??
    (isObjectName(id) ? ((await parts.history.find(id)) ?? (await keptPod(parts, id))) : undefined);
  if (found === undefined) throw resourceUnknown(id);
  return found;
}

async function keptPod({ view, keptLogs, history }: ResourceParts, pod: string): Promise<FoundResource | undefined> {
  // Names of our pods hold `--`: for others nobody needs to look.
  const entry = pod.includes("--") ? await keptLogs.ofPod(pod) : undefined;
  if (entry === undefined) return undefined;
  const there = view.run(entry.run);
  const run = there?.pipeline.metadata.uid === entry.runUid ? there : await history.byUid(entry.runUid);
  if (run === undefined) return undefined;
  const task = run.tasks.find(({ name }) => name === entry.task);
  return task === undefined ? undefined : { run, task, pod };
}
