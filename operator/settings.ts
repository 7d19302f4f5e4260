import { hostname } from "node:os";
import { DEFAULT_PATHS } from "../crds/run-paths.ts";
import {
  addressValue,
  booleanValue,
  choiceValue,
  integerValue,
  listValue,
  pathValue,
  textValue,
  type Values,
} from "../settings/settings.ts";

/** Settings of the operator (O-270). */
export const OPERATOR_SETTINGS = {
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
  namespace: {
    flag: "namespace",
    env: "ODIN_NAMESPACE",
    help: "Namespace to work in; `*` for all. Without it, the context's or the pod's own.",
    parse: textValue,
  },
  installDefinitions: {
    flag: "install-crds",
    env: "ODIN_INSTALL_CRDS",
    help: "Apply the CustomResourceDefinitions at start.",
    fallback: "true",
    parse: booleanValue,
  },
  leaderElect: {
    flag: "leader-elect",
    env: "ODIN_LEADER_ELECT",
    help: "Work only while holding the lease `odin-operator`, so that several replicas can run.",
    fallback: "true",
    parse: booleanValue,
  },
  identity: {
    flag: "identity",
    env: "ODIN_IDENTITY",
    help: "Name of this process in the lease; must be its own. A restart under the same name takes over at once.",
    fallback: hostname(),
    parse: textValue,
  },
  leaseNamespace: {
    flag: "lease-namespace",
    env: "ODIN_LEASE_NAMESPACE",
    help: "Namespace of the lease. Without it, the namespace of the context or the pod.",
    parse: textValue,
  },
  workers: {
    flag: "workers",
    env: "ODIN_WORKERS",
    help: "Runs looked at side by side.",
    fallback: "16",
    parse: integerValue(1, 256),
  },
  root: {
    flag: "fs-root",
    env: "ODIN_FS_ROOT",
    help: "Where tasks see the jobs.",
    fallback: DEFAULT_PATHS.root,
    parse: pathValue,
  },
  data: {
    flag: "data-path",
    env: "ODIN_DATA_PATH",
    help: "Where runs write.",
    fallback: DEFAULT_PATHS.data,
    parse: pathValue,
  },
  taskSecrets: {
    flag: "task-secrets",
    env: "ODIN_TASK_SECRETS",
    help: "Secrets that tasks may mount without a label.",
    fallback: "odin-cred,ssh-key",
    parse: listValue,
  },
  pullSecrets: {
    flag: "pull-secrets",
    env: "ODIN_PULL_SECRETS",
    help: "Secrets for pulling images, given to every pod.",
    fallback: "registry",
    parse: listValue,
  },
  taskServiceAccount: {
    flag: "task-service-account",
    env: "ODIN_TASK_SERVICE_ACCOUNT",
    help: "Service account of the tasks' pods; without it they get no token.",
    parse: textValue,
  },
  metricsListen: {
    flag: "metrics-listen",
    env: "ODIN_METRICS_LISTEN",
    help: "Address of /metrics, /healthz and /readyz.",
    fallback: "0.0.0.0:9004",
    parse: addressValue,
  },
  logLevel: {
    flag: "log-level",
    env: "ODIN_LOG_LEVEL",
    help: "What is logged.",
    fallback: "info",
    parse: choiceValue(["debug", "info", "warn", "error", "silent"]),
  },
} as const;

export type OperatorSettings = Values<typeof OPERATOR_SETTINGS>;
