/** Built-in kinds of Kubernetes and where they live on the API server. */
export const POD = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true } as const;
export const CONFIG_MAP = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
} as const;
export const SECRET = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true } as const;
export const EVENT = { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true } as const;
export const NODE = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false } as const;
export const NAMESPACE = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  namespaced: false,
} as const;
