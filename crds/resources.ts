/** API group of our custom resources (O-14). */
export const GROUP = "odin.io";
/** The one served and stored version. */
export const VERSION = "v1";
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Where `Job` objects live on the API server. */
export const JOB = { group: GROUP, version: VERSION, plural: "jobs", kind: "Job", namespaced: true } as const;
/** Where `Pipeline` objects live on the API server. */
export const PIPELINE = {
  group: GROUP,
  version: VERSION,
  plural: "pipelines",
  kind: "Pipeline",
  namespaced: true,
} as const;
