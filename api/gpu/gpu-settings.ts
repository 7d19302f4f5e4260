import { readFileSync } from "node:fs";
import { choiceValue, integerValue, SettingProblem, textValue, type Values } from "../../settings/settings.ts";

/** Settings about GPUs (G-30, G-31). */
export const GPU_SETTINGS = {
  dcgmVia: {
    flag: "dcgm-via",
    env: "ODIN_DCGM_VIA",
    help:
      "How GPU exporters are asked: pods (at their addresses), apiserver (through its pod proxy, for a server outside the " +
      "cluster; needs get on pods/proxy), none (only those of --dcgm-targets).",
    fallback: "pods",
    parse: choiceValue(["pods", "apiserver", "none"]),
  },
  dcgmSelectors: {
    flag: "dcgm-selectors",
    env: "ODIN_DCGM_SELECTORS",
    help: "Label selectors of the pods of GPU exporters, divided by semicolons.",
    fallback: "app.kubernetes.io/name=dcgm-exporter;app=nvidia-dcgm-exporter",
    parse: selectorsValue,
  },
  dcgmNamespace: {
    flag: "dcgm-namespace",
    env: "ODIN_DCGM_NAMESPACE",
    help: "Namespace of the pods of GPU exporters. Without it, all: then whoever may label a pod can pose as one.",
    parse: namespaceValue,
  },
  dcgmTargets: {
    flag: "dcgm-targets",
    env: "ODIN_DCGM_TARGETS",
    help: "GPU exporters that are no pods: NODE=URL, divided by commas.",
    parse: targetsValue,
  },
  dcgmScheme: {
    flag: "dcgm-scheme",
    env: "ODIN_DCGM_SCHEME",
    help: "How the pods of GPU exporters are spoken to: http or https.",
    fallback: "http",
    parse: choiceValue(["http", "https"]),
  },
  dcgmCa: {
    flag: "dcgm-ca",
    env: "ODIN_DCGM_CA",
    help: "File with the certificates to trust for GPU exporters, in PEM. Without it, the system's.",
    parse: fileValue,
  },
  dcgmServerName: {
    flag: "dcgm-server-name",
    env: "ODIN_DCGM_SERVER_NAME",
    help: "Name that the certificates of GPU exporters are made out to. Without it, their address.",
    parse: textValue,
  },
  dcgmAuthSecret: {
    flag: "dcgm-auth-secret",
    env: "ODIN_DCGM_AUTH_SECRET",
    help: "Secret with username and password, as NAMESPACE/NAME, for the exporters in its namespace and those of --dcgm-targets.",
    parse: secretNameValue,
  },
  nodeSelector: {
    flag: "node-selector",
    env: "ODIN_NODE_SELECTOR",
    help: "Label selector of the nodes that GET /v1/nodes shows. Without it, all.",
    parse: selectorValue,
  },
  gpuInterval: {
    flag: "gpu-interval",
    env: "ODIN_GPU_INTERVAL",
    help: "Seconds between two scrapes of a GPU exporter. Exporters measure every 30 s, so less shows nothing newer.",
    fallback: "15",
    parse: integerValue(1, 3600),
  },
} as const;

/** An exporter at a fixed address. */
export interface StaticTarget {
  node: string;
  url: URL;
}

/** The settings in the form in which the GPU parts take them. */
export interface GpuSettings {
  /** Label selector of the nodes; absent: all. */
  nodeSelector?: string;
  via: "pods" | "apiserver" | "none";
  selectors: readonly string[];
  /** Where pods of exporters are looked for; absent: everywhere. */
  namespace?: string;
  targets: readonly StaticTarget[];
  scheme: "http" | "https";
  /** Certificates in PEM. */
  ca?: string;
  serverName?: string;
  authSecret?: { namespace: string; name: string };
  intervalMs: number;
}

/** Puts the values together; throws a `SettingProblem` for values that exclude each other. */
export function gpuSettings(values: Values<typeof GPU_SETTINGS>): GpuSettings {
  const { dcgmVia, dcgmCa, dcgmServerName, dcgmAuthSecret, dcgmNamespace, nodeSelector } = values;
  if (dcgmVia === "apiserver" && dcgmAuthSecret !== undefined) {
    throw new SettingProblem(
      "--dcgm-auth-secret (ODIN_DCGM_AUTH_SECRET) does not go with --dcgm-via apiserver: the API server would take the password for its own",
    );
  }
  return {
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    via: dcgmVia,
    selectors: values.dcgmSelectors,
    ...(dcgmNamespace === undefined ? {} : { namespace: dcgmNamespace }),
    targets: values.dcgmTargets ?? [],
    scheme: values.dcgmScheme,
    ...(dcgmCa === undefined ? {} : { ca: dcgmCa }),
    ...(dcgmServerName === undefined ? {} : { serverName: dcgmServerName }),
    ...(dcgmAuthSecret === undefined ? {} : { authSecret: dcgmAuthSecret }),
    intervalMs: values.gpuInterval * 1_000,
  };
}

const KEY = "(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-\\w.]*[A-Za-z0-9])?";
const VALUE = "(?:[A-Za-z0-9](?:[-\\w.]*[A-Za-z0-9])?)?";
const REQUIREMENT = new RegExp(
  `^(?:!?${KEY}|${KEY} *(?:=|==|!=) *${VALUE}|${KEY} +(?:in|notin) +\\( *${VALUE}(?: *, *${VALUE})* *\\))$`,
);

function selectorsValue(text: string): string[] {
  const selectors = text
    .split(";")
    .map((selector) => selector.trim())
    .filter((selector) => selector !== "");
  if (selectors.length === 0) throw new SettingProblem("must hold a label selector such as app=nvidia-dcgm-exporter");
  return selectors.map(selectorValue);
}

function selectorValue(text: string): string {
  const requirements = text.split(/,(?![^(]*\))/).map((requirement) => requirement.trim());
  if (requirements.some((requirement) => !REQUIREMENT.test(requirement))) {
    throw new SettingProblem("must be a label selector such as app=nvidia-dcgm-exporter,tier!=test");
  }
  return requirements.join(",");
}

function targetsValue(text: string): StaticTarget[] {
  const targets = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map(targetValue);
  const nodes = targets.map(({ node, url }) => `${node}=${url.href}`);
  if (new Set(nodes).size < nodes.length) throw new SettingProblem("names one exporter twice");
  return targets;
}

function targetValue(entry: string): StaticTarget {
  const problem = new SettingProblem("must be NODE=URL entries, such as gpu-1=http://10.0.0.7:9400/metrics");
  const at = entry.indexOf("=");
  const node = entry.slice(0, Math.max(0, at));
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(node)) throw problem;
  let url: URL;
  try {
    url = new URL(entry.slice(at + 1));
  } catch {
    throw problem;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw problem;
  if (url.username !== "" || url.password !== "") {
    throw new SettingProblem("must not hold a password: give --dcgm-auth-secret (ODIN_DCGM_AUTH_SECRET)");
  }
  if (url.pathname === "/") url.pathname = "/metrics";
  return { node, url };
}

function namespaceValue(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) throw new SettingProblem("must be the name of one namespace");
  return text;
}

function secretNameValue(text: string): { namespace: string; name: string } {
  const [, namespace, name] = /^([a-z0-9][-a-z0-9]{0,62})\/([a-z0-9][-a-z0-9.]{0,252})$/.exec(text) ?? [];
  if (namespace === undefined || name === undefined) throw new SettingProblem("must be NAMESPACE/NAME of a Secret");
  return { namespace, name };
}

function fileValue(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new SettingProblem((error as Error).message);
  }
}
