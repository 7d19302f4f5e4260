import { API_SETTINGS } from "../api/settings.ts";
import { OPERATOR_SETTINGS } from "../operator/settings.ts";
import type { Settings } from "../settings/settings.ts";
import type { Value } from "./value.ts";

/** Settings that follow from other values of the chart, so that nobody gives them twice. */
const SET_BY_CHART: ReadonlySet<string> = new Set([
  "KUBECONFIG",
  "ODIN_CONTEXT",
  "ODIN_NAMESPACE",
  "ODIN_LEASE_NAMESPACE",
  "ODIN_INSTALL_CRDS",
  "ODIN_LEADER_ELECT",
  "ODIN_IDENTITY",
  "ODIN_SHARDS",
  "ODIN_TASK_SERVICE_ACCOUNT",
  "ODIN_METRICS_LISTEN",
  "ODIN_LISTEN",
  "ODIN_TLS_CERT",
  "ODIN_TLS_KEY",
  "ODIN_ROOT_USER",
  "ODIN_IMAGE",
  "ODIN_VOLUME",
  "ODIN_VOLUME_CLAIM",
  "ODIN_STORE",
  "ODIN_STORE_PASSWORD_FILE",
  "ODIN_LOG_STORE",
  "ODIN_LOG_STORE_KEY_ID",
  "ODIN_LOG_STORE_KEY_FILE",
  "ODIN_REPOSITORY",
  "ODIN_GIT_REMOTE",
  "CLOCKWORK_NAMESPACES",
  "MLBENCH_ENABLED",
  "MLBENCH_KUBE_RELEASENAME",
  "MLBENCH_NAMESPACE",
  "MLBENCH_LISTEN",
  "MLBENCH_POD",
  "MLBENCH_PRIVILEGED",
  "MLBENCH_CADVISOR",
  "MLBENCH_KUBELET_ACCOUNT",
  "VESTA_ENABLED",
  "VESTA_VALID_NETWORK",
  "ODIN_DCGM_VIA",
  "ODIN_DCGM_NAMESPACE",
  "ODIN_DCGM_AUTH_SECRET",
]);

function namesOf(settings: Settings): Map<string, string> {
  return new Map(
    Object.values(settings)
      .filter(({ env, secret }) => secret !== true && !SET_BY_CHART.has(env))
      .map(({ env, help }) => [env, help]),
  );
}

/**
 * Settings that can be given by their environment variable: those of both parts, of the operator alone, or of the API alone. Secret ones and
 * those that the chart itself sets are not among them.
 */
export function settingsValue(whose: "both" | "operator" | "api", help: string): Value {
  const operator = namesOf(OPERATOR_SETTINGS);
  const api = namesOf(API_SETTINGS);
  const [own, other] = whose === "api" ? [api, operator] : [operator, api];
  const names = [...own].filter(([name]) => other.has(name) === (whose === "both"));
  return {
    help,
    fallback: {},
    schema: {
      type: "object",
      additionalProperties: false,
      properties: Object.fromEntries(
        names.map(([name, description]) => [name, { type: ["string", "integer", "boolean"], description }]),
      ),
    },
  };
}
