import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as yaml from "js-yaml";
import { builtTool } from "../../local/binaries.ts";
import { binarySet } from "../../local/binary-set.ts";
import { messageOf } from "../../local/local-error.ts";
import { silentProgress } from "../../local/progress.ts";
import { until } from "./deadline.ts";
import { kubectl, kubectlApply, testVariable } from "./kubectl.ts";
import { PrometheusServer, prometheusVolume } from "./prometheus-server.ts";
import { StartedProgram } from "./started-program.ts";

const NAME = "k8s";
const IMAGE = "python:3.11-slim";
const RELOADER = "prometheus-config-reloader";
const WAIT_MS = 180_000;
/** The service account of the Prometheus that the operator makes. */
export const MANAGED_ACCOUNT = "prometheus-k8s";
/** The kinds without which the operator runs no Prometheus. */
export const MANAGED_KINDS = ["prometheuses", "podmonitors", "servicemonitors", "probes", "prometheusrules"];

/** The released Prometheus operator as a process of this machine, for the cluster of the tests. Its kinds must be known there. */
export async function startPrometheusOperator(): Promise<StartedProgram> {
  const path = await builtTool("prometheus-operator", "prometheus-operator", silentProgress);
  const args = ["--web.listen-address=127.0.0.1:0", `--prometheus-config-reloader=${IMAGE}`];
  const operator = new StartedProgram(path, args, { KUBECONFIG: testVariable("KUBECONFIG") });
  await operator.untilSaid(/successfully synced all caches/);
  return operator;
}

/** A Prometheus that the operator makes of an object of the kind `Prometheus`. */
export class ManagedPrometheus {
  readonly server: PrometheusServer;
  readonly #namespace: string;

  private constructor(server: PrometheusServer, namespace: string) {
    this.server = server;
    this.#namespace = namespace;
  }

  /**
   * Asks for one in that namespace, which selects the monitors and rules of all namespaces that are labelled `release: prometheus`, as that of
   * kube-prometheus-stack does, and waits until it is ready. Everything in its pod is as the operator says, but for the image: the two programs,
   * built from the pinned sources, come on a volume.
   */
  static async start(namespace: string): Promise<ManagedPrometheus> {
    const directory = await prometheusVolume(namespace, "programs");
    await copyFile(await builtTool("prometheus-operator", RELOADER, silentProgress), join(directory, RELOADER));
    const labelled = { matchLabels: { release: "prometheus" } };
    const program = (container: string, name: string): object => ({
      name: container,
      command: [`/programs/${name}`],
      volumeMounts: [{ name: "programs", mountPath: "/programs", readOnly: true }],
    });
    await kubectlApply(
      namespace,
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: MANAGED_ACCOUNT } },
      {
        apiVersion: "monitoring.coreos.com/v1",
        kind: "Prometheus",
        metadata: { name: NAME },
        spec: {
          replicas: 1,
          version: await prometheusVersion(),
          image: IMAGE,
          imagePullPolicy: "IfNotPresent",
          serviceAccountName: MANAGED_ACCOUNT,
          podMonitorSelector: labelled,
          podMonitorNamespaceSelector: {},
          serviceMonitorSelector: labelled,
          serviceMonitorNamespaceSelector: {},
          ruleSelector: labelled,
          ruleNamespaceSelector: {},
          evaluationInterval: "2s",
          securityContext: { fsGroup: 2000, runAsNonRoot: true, runAsUser: 1000 },
          volumes: [{ name: "programs", persistentVolumeClaim: { claimName: "programs" } }],
          initContainers: [program("init-config-reloader", RELOADER)],
          containers: [program("prometheus", "prometheus"), program("config-reloader", RELOADER)],
        },
      },
    );
    const managed = (server: PrometheusServer): ManagedPrometheus => new ManagedPrometheus(server, namespace);
    return managed(await PrometheusServer.of(namespace, `prometheus-${NAME}-0`));
  }

  /** Changes fields of the object. */
  async patch(spec: object): Promise<void> {
    const object = ["prometheus.monitoring.coreos.com", NAME, "--namespace", this.#namespace];
    await kubectl("patch", ...object, "--type=merge", "--patch", JSON.stringify({ spec }));
  }

  /** The configuration that the operator has made of the monitors, once it is as wanted. */
  async config(accept: (config: GeneratedConfig) => boolean, describe: string): Promise<GeneratedConfig> {
    const look = async (): Promise<GeneratedConfig> => {
      const args = ["get", "secret", `prometheus-${NAME}`, "--namespace", this.#namespace, "-o", "json"];
      const { data } = JSON.parse(await kubectl(...args)) as { data: Record<string, string> };
      const packed = Buffer.from(data["prometheus.yaml.gz"] ?? "", "base64");
      return yaml.load(gunzipSync(packed).toString()) as GeneratedConfig;
    };
    return await until(look, WAIT_MS, { describe, accept, everyMs: 500 });
  }

  /** Has the kubelet look at the pod now: by itself it brings a changed Secret there only once in a minute or two. */
  async refresh(): Promise<void> {
    const pod = ["pod", `prometheus-${NAME}-0`, "--namespace", this.#namespace];
    await kubectl("annotate", ...pod, `odin.io/refreshed=${Date.now()}`, "--overwrite");
  }

  /** What its containers say, for a test that fails. */
  async logs(): Promise<string> {
    const pod = [`prometheus-${NAME}-0`, "--namespace", this.#namespace];
    return await kubectl("logs", ...pod, "--all-containers", "--tail=60").catch(messageOf);
  }
}

/** What of a configuration of Prometheus tests look at. */
export interface GeneratedConfig {
  scrape_configs: { job_name: string; scheme?: string; kubernetes_sd_configs: { role: string }[] }[];
}

/** The release that the pinned module is: v0.313.5 is 3.13.5. */
async function prometheusVersion(): Promise<string> {
  const version = (await binarySet("prometheus")).versionOf("github.com/prometheus/prometheus");
  const [, major, minor, patch] = /^v0\.(\d)(\d\d)\.(\d+)$/.exec(version) ?? [];
  if (major === undefined) throw new Error(`${version} is no version of a release of Prometheus`);
  return `${major}.${Number(minor)}.${patch}`;
}
