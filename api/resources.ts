/** The built-in kinds that the facade reads or writes. */
export const SECRETS = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true } as const;
export const CONFIG_MAPS = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
} as const;
export const PODS = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true } as const;
export const EVENTS = { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true } as const;
