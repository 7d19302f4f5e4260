import { keptMetadata } from "../../kube/kept-metadata.ts";
import type { KubeObject, ObjectMeta } from "../../kube/resource.ts";

/** An event that Kubernetes recorded about a pod or another object of a task. */
export interface CachedEvent {
  metadata: ObjectMeta;
  /** Name of the object; empty for one that cannot be ours. */
  object: string;
  type: string;
  reason: string;
  /** Component and host, the non-empty ones joined by a comma (O-67). */
  source: string;
  message: string;
  /** Last seen, else event time, first seen or creation (O-67); ISO. */
  time: string;
}

interface RawEvent extends KubeObject {
  involvedObject?: { name?: string };
  type?: string;
  reason?: string;
  message?: string;
  source?: { component?: string; host?: string };
  reportingComponent?: string;
  reportingInstance?: string;
  firstTimestamp?: string | null;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  series?: { lastObservedTime?: string } | null;
}

/** Longest message kept; the API server allows 1,024 bytes. */
const MAX_MESSAGE = 1024;

/** Reduces an event. Names of our objects hold `--`; of others' events only the identity is kept. */
export function projectCoreEvent(raw: KubeObject): CachedEvent {
  const event = raw as RawEvent;
  const object = event.involvedObject?.name ?? "";
  const metadata = keptMetadata(event.metadata);
  if (!object.includes("--")) return { metadata, object: "", type: "", reason: "", source: "", message: "", time: "" };
  const source = [event.source?.component || event.reportingComponent, event.source?.host || event.reportingInstance];
  return {
    metadata,
    object,
    type: event.type ?? "Normal",
    reason: event.reason ?? "",
    source: source.filter(Boolean).join(","),
    message: (event.message ?? "").slice(0, MAX_MESSAGE),
    time:
      event.series?.lastObservedTime ||
      event.lastTimestamp ||
      event.eventTime ||
      event.firstTimestamp ||
      metadata.creationTimestamp ||
      "",
  };
}
