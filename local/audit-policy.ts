/**
 * What the API server logs of the requests that it gets: nothing, every request without bodies, or besides that the whole of
 * every write of the objects that a run consists of. The last one is for tests that judge a run by what was written; it makes the
 * log as large as all those objects together.
 */
export type AuditLog = boolean | "bodies";

/** Kinds whose writes are logged whole; Secrets are never among them. */
const WHOLE = [
  { group: "", resources: ["pods", "pods/status", "configmaps"] },
  { group: "batch", resources: ["jobs", "jobs/status"] },
  { group: "coordination.k8s.io", resources: ["leases"] },
  { group: "odin.io", resources: ["pipelines", "pipelines/status"] },
];

/** The API server's audit policy (audit.k8s.io/v1): every request when it is answered, and never what a Secret holds. */
export function auditPolicy(log: AuditLog): object {
  const whole = {
    level: "RequestResponse",
    verbs: ["create", "update", "patch", "delete", "deletecollection"],
    resources: WHOLE,
    omitManagedFields: true,
  };
  const rules = [...(log === "bodies" ? [whole] : []), { level: "Metadata" }];
  return { apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages: ["RequestReceived"], rules };
}
