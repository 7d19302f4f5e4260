import type { KubeConfig } from "@kubernetes/client-node";
import type { Registry } from "prom-client";
import type { Lane, Limiter } from "./limiter.ts";
import type { Logger } from "./logger.ts";
import type { WatchEvent } from "./watch.ts";
import type { Version } from "./watch-echo.ts";

/** Values of a query string; undefined entries are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** What every request takes. */
export interface RequestOptions {
  query?: Query;
  /** Bound for the whole answer once it is sent. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Urgency; by default derived from method and path. */
  lane?: Lane;
  /** `metadata`: the answer is to hold no more of the object than that; a server that cannot do so sends all of it. */
  answer?: "metadata";
}

/** Construction options of `KubeClient`. */
export interface KubeClientOptions {
  kubeConfig: KubeConfig;
  userAgent: string;
  /** Connections of the pool for calls; watches and streams have their own. */
  maxSockets?: number;
  timeoutMs?: number;
  registry?: Registry;
  logger?: Logger;
  /** Shared with other clients of the same server; by default one of its own. */
  limiter?: Limiter;
  /** Asked before each request other than GET is sent; false refuses it (category `other`, reason `NotLeader`). */
  canWrite?: () => boolean;
}

/** Body formats of PATCH. `apply` is server-side apply, sent as JSON. */
export type PatchType = "json" | "merge" | "strategic" | "apply";

/** Selection and paging of a list. */
export interface ListOptions extends RequestOptions {
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

/** Preconditions and manner of a delete. */
export interface DeleteOptions extends RequestOptions {
  uid?: string;
  resourceVersion?: string;
  propagationPolicy?: "Background" | "Foreground" | "Orphan";
  gracePeriodSeconds?: number;
}

/** Options of a watch. */
export interface WatchOptions {
  query: Query;
  signal: AbortSignal;
  onEvent(event: WatchEvent): void;
  /** See `WatchReader`. */
  isKnown?(version: Version): boolean;
  /** The server accepted the watch. */
  onOpen?(): void;
  /** A piece of data came. */
  onData?(): void;
  /** Bound for the answer's head. */
  openTimeoutMs: number;
  /** Longest silence before the connection counts as dead. */
  idleTimeoutMs: number;
}
