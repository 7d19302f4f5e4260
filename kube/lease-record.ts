import type { KubeObject, ObjectMeta } from "./resource.ts";

/** A `coordination.k8s.io/v1` Lease. */
export interface Lease extends KubeObject {
  metadata: ObjectMeta;
  spec?: {
    holderIdentity?: string | null;
    leaseDurationSeconds?: number | null;
    acquireTime?: string | null;
    renewTime?: string | null;
    leaseTransitions?: number | null;
  };
}

/** What a candidate writes about itself. */
export interface Holder {
  identity: string;
  /** Random per candidate: tells two processes with one identity apart, and our own write whose answer was lost. */
  instance: string;
  leaseDurationMs: number;
  /** Written to the lease's metadata with each hold, beside what is there. */
  labels?: Readonly<Record<string, string>>;
  annotations?: Readonly<Record<string, string>>;
}

const INSTANCE_ANNOTATION = "holder-instance";

/** Kubernetes' MicroTime: RFC 3339 with exactly six digits of the second. */
export function microTime(time: Date): string {
  return time.toISOString().replace("Z", "000Z");
}

/** Whoever holds the lease according to its record; undefined where it was released. */
export function holderOf(lease: Lease): string | undefined {
  return lease.spec?.holderIdentity || undefined;
}

/** Whether the last holder's write came from this very candidate. */
export function isWrittenBy(lease: Lease, holder: Holder): boolean {
  return holderOf(lease) === holder.identity && lease.metadata.annotations?.[INSTANCE_ANNOTATION] === holder.instance;
}

/** How long others must leave the lease alone after a renewal; at least a second, the field's unit. */
export function durationMsOf(lease: Lease, fallbackMs: number): number {
  const seconds = lease.spec?.leaseDurationSeconds;
  return typeof seconds === "number" && seconds > 0 ? seconds * 1_000 : fallbackMs;
}

/** Equal as long as the holder has not renewed; anything else that happens to the object does not count. */
export function renewalOf(lease: Lease): string {
  const { holderIdentity, renewTime, leaseTransitions } = lease.spec ?? {};
  return JSON.stringify([holderIdentity, renewTime, leaseTransitions, lease.metadata.uid]);
}

/** A lease that does not exist yet, held by `holder`. */
export function newLease(namespace: string, name: string, holder: Holder, now: Date): object {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      namespace,
      name,
      ...(holder.labels === undefined ? {} : { labels: holder.labels }),
      annotations: { ...holder.annotations, [INSTANCE_ANNOTATION]: holder.instance },
    },
    spec: { ...heldBy(holder, now), acquireTime: microTime(now), leaseTransitions: 0 },
  };
}

/** The lease renewed by its holder, or taken over; keeps the resourceVersion as precondition and all else as it was. */
export function heldLease(lease: Lease, holder: Holder, now: Date): Lease {
  const taken = holderOf(lease) !== holder.identity;
  return {
    ...lease,
    metadata: {
      ...lease.metadata,
      ...(holder.labels === undefined ? {} : { labels: { ...lease.metadata.labels, ...holder.labels } }),
      annotations: {
        ...lease.metadata.annotations,
        ...holder.annotations,
        [INSTANCE_ANNOTATION]: holder.instance,
      },
    },
    spec: {
      ...lease.spec,
      ...heldBy(holder, now),
      acquireTime: taken ? microTime(now) : (lease.spec?.acquireTime ?? microTime(now)),
      leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (taken ? 1 : 0),
    },
  };
}

/** The lease given up by its holder: the next candidate need not wait. */
export function releasedLease(lease: Lease, now: Date): Lease {
  return {
    ...lease,
    spec: {
      leaseTransitions: lease.spec?.leaseTransitions ?? 0,
      leaseDurationSeconds: 1,
      holderIdentity: "",
      acquireTime: microTime(now),
      renewTime: microTime(now),
    },
  };
}

function heldBy(holder: Holder, now: Date) {
  return {
    holderIdentity: holder.identity,
    leaseDurationSeconds: Math.max(1, Math.ceil(holder.leaseDurationMs / 1_000)),
    renewTime: microTime(now),
  };
}
