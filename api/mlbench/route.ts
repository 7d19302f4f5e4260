import type { RouterContext } from "@koa/router";
import type { BodyWish } from "./body-work/read-body.ts";
import type { MlbenchCaller } from "./caller.ts";

/** Answers by `reply`, or throws a `TransportError` or `ApplicationError`. Of a POST the body has been read: `fieldsOf`, `metricsOf`. */
export type MlbenchHandler = (ctx: RouterContext, caller: MlbenchCaller) => Promise<void> | void;

/** One route of the MLBench API, with all its methods; GET answers HEAD too (M-11). It is served with and without a slash at its end (M-4). */
export interface MlbenchRoute {
  /** Below /api, without a slash at its end, `:name` for a key: `/runs/:key`. */
  path: string;
  methods: { GET?: MlbenchHandler; POST?: MlbenchHandler; DELETE?: MlbenchHandler };
  /** What a POST wants of its body; absent: nothing, though it has to be a good one. */
  body?: BodyWish;
  /** Formats besides JSON that may be forced (M-8). */
  formats?: readonly ("zip" | "csv")[];
  /** The answer of GET is a stream of events, whatever the Accept (M-67). */
  stream?: true;
}

/** What a request asks to be answered in; `text/javascript` is the same text as JSON (M-7, M-8). */
export type MlbenchFormat = "json" | "text/javascript" | "zip" | "csv";
