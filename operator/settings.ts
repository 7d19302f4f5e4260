import { hostname } from "node:os";
import { CLOCKWORK_TASK_SETTINGS } from "../settings/clockwork.ts";
import { addressValue, booleanValue, integerValue, textValue, type Values } from "../settings/settings.ts";
import { CLUSTER_SETTINGS, LEASE_SETTINGS, LOG_SETTINGS, STORE_SETTINGS, TASK_SETTINGS } from "../settings/shared.ts";

/** Settings of the operator (O-270). */
export const OPERATOR_SETTINGS = {
  ...CLUSTER_SETTINGS,
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
  ...LEASE_SETTINGS,
  leaseDuration: {
    flag: "lease-duration",
    env: "ODIN_LEASE_DURATION",
    help: "Seconds for which others leave a lease alone whose holder no longer renews it. The holder itself stops after two thirds of that.",
    fallback: "12",
    parse: integerValue(3, 600),
  },
  shards: {
    flag: "shards",
    env: "ODIN_SHARDS",
    help: "Parts, each with a lease of its own, that the replicas divide the runs into. All replicas must be given the same number.",
    fallback: "1",
    parse: integerValue(1, 64),
  },
  workers: {
    flag: "workers",
    env: "ODIN_WORKERS",
    help: "Runs looked at side by side.",
    fallback: "16",
    parse: integerValue(1, 256),
  },
  ...TASK_SETTINGS,
  ...CLOCKWORK_TASK_SETTINGS,
  retryPause: {
    flag: "retry-pause",
    env: "ODIN_RETRY_PAUSE",
    help: "Seconds before the second attempt of a task with `retries`; the pause doubles with each attempt, up to five minutes.",
    fallback: "10",
    parse: integerValue(1, 300),
  },
  infrastructureRetries: {
    flag: "infrastructure-retries",
    env: "ODIN_INFRASTRUCTURE_RETRIES",
    help: "Further attempts of a task that was lost to an eviction, a preemption, a deleted pod or a lost node, apart from its `retries`; a task's `infrastructureRetries` goes before.",
    fallback: "3",
    parse: integerValue(0, 20),
  },
  runTtl: {
    flag: "run-ttl",
    env: "ODIN_RUN_TTL",
    help: "Seconds after its end for which a run is kept whose `ttlSecondsAfterFinished` and whose Job's are left out; then it is deleted. Left out: for ever.",
    parse: integerValue(0, 31_536_000),
  },
  namespaceParallelism: {
    flag: "namespace-parallelism",
    env: "ODIN_NAMESPACE_PARALLELISM",
    help: "Most tasks of one namespace that have a pod or other object at a time; 0: no limit.",
    fallback: "0",
    parse: integerValue(0, 100_000),
  },
  nodeLostTimeout: {
    flag: "node-lost-timeout",
    env: "ODIN_NODE_LOST_TIMEOUT",
    help: "Seconds after which a task is tried again elsewhere whose node is gone or not ready, or whose deleted pod does not go; 0: never. The old pod is asked to go but not by force.",
    fallback: "120",
    parse: integerValue(0, 86_400),
  },
  taskServiceAccount: {
    flag: "task-service-account",
    env: "ODIN_TASK_SERVICE_ACCOUNT",
    help: "Service account of the tasks' pods; without it they get no token.",
    parse: textValue,
  },
  ...STORE_SETTINGS,
  logRetention: {
    flag: "log-retention",
    env: "ODIN_LOG_RETENTION",
    help: "Days for which the store keeps the logs of ended tasks; 0: as long as their run is there.",
    fallback: "90",
    parse: integerValue(0, 36_500),
  },
  logPatience: {
    flag: "log-patience",
    env: "ODIN_LOG_PATIENCE",
    help: "Seconds for which a log that its node does not give is waited for before it counts as lost, and its run may be deleted; 0: for ever.",
    fallback: "300",
    parse: integerValue(0, 604_800),
  },
  logMaxTotal: {
    flag: "log-max-total",
    env: "ODIN_LOG_MAX_TOTAL",
    help: "Most MiB that the logs in the store take up, compressed; beyond that the oldest are removed of the namespaces that have most. 0: any number.",
    fallback: "0",
    parse: integerValue(0, 1024 * 1024 * 1024),
  },
  runRetention: {
    flag: "run-retention",
    env: "ODIN_RUN_RETENTION",
    help: "Days for which the store keeps ended runs whose object was deleted other than by the REST API; 0: they go with their object.",
    fallback: "365",
    parse: integerValue(0, 36_500),
  },
  elasticEtcd: {
    flag: "elastic-etcd",
    env: "PYTORCH_ELASTIC_ETCD_SVC",
    help: "Where the workers of an ElasticJob meet: `host` or `host:port` of an etcd.",
    fallback: "etcd-service.elastic-job",
    parse: textValue,
  },
  metricsListen: {
    flag: "metrics-listen",
    env: "ODIN_METRICS_LISTEN",
    help: "Address of /metrics, /healthz and /readyz.",
    fallback: "0.0.0.0:9004",
    parse: addressValue,
  },
  ...LOG_SETTINGS,
} as const;

export type OperatorSettings = Values<typeof OPERATOR_SETTINGS>;
