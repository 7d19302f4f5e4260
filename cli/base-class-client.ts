/**
 * What the operator's base class gets for the Kubernetes client library in the bundle. Its constructor makes a typed client of the core API, which only
 * methods use that ours replaces; the real one would bring its models of all kinds, five megabytes that each start would read.
 */
export { KubeConfig } from "@kubernetes/client-node";

/** Stands in for the typed client. */
export class CoreV1Api {}
