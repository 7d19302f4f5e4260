import { choiceValue, filePathValue, listValue, pathValue, type Setting, textValue } from "./settings.ts";

/** How each part reaches the API server. */
export const CLUSTER_SETTINGS = {
  kubeconfig: {
    flag: "kubeconfig",
    env: "KUBECONFIG",
    help: "Kubeconfig file; without one, the service account of the pod.",
    parse: textValue,
  },
  context: {
    flag: "context",
    env: "ODIN_CONTEXT",
    help: "Context of the kubeconfig; without it, the current one.",
    parse: textValue,
  },
} as const;

/** What both parts must agree on about tasks. */
export const TASK_SETTINGS = {
  root: {
    flag: "fs-root",
    env: "ODIN_FS_ROOT",
    help: "Where tasks see the jobs.",
    fallback: "/data/pipelines",
    parse: pathValue,
  },
  data: {
    flag: "data-path",
    env: "ODIN_DATA_PATH",
    help: "Where runs write.",
    fallback: "/data/odin",
    parse: pathValue,
  },
  taskSecrets: {
    flag: "task-secrets",
    env: "ODIN_TASK_SECRETS",
    help: "Secrets that tasks may mount without a label.",
    fallback: "odin-cred,ssh-key",
    parse: listValue,
  },
} as const;

/** Where what must outlive the objects in the cluster is kept. */
export const STORE_SETTINGS = {
  store: {
    flag: "store",
    env: "ODIN_STORE",
    help: "File that keeps the logs of ended tasks; the operator and the API of one installation share it. `none`: they are not kept.",
    fallback: "/var/lib/odin/store.db",
    parse: storeValue,
  },
} as const;

/** `none`, or the path of a file. */
function storeValue(text: string): string | undefined {
  return text === "none" ? undefined : filePathValue(text);
}

/** What is logged. */
export const LOG_SETTINGS = {
  logLevel: {
    flag: "log-level",
    env: "ODIN_LOG_LEVEL",
    help: "What is logged.",
    fallback: "info",
    parse: choiceValue(["debug", "info", "warn", "error", "silent"]),
  },
} as const satisfies Record<string, Setting<string>>;
