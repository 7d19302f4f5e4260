import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { builtTool } from "../../local/binaries.ts";
import { messageOf } from "../../local/local-error.ts";
import { silentProgress } from "../../local/progress.ts";
import { createSharedVolume } from "../../local/shared-volume.ts";
import { until } from "./deadline.ts";
import { kubectl, kubectlApply, testVariable } from "./kubectl.ts";

const NAME = "prometheus";
const PORT = 9090;
const IMAGE = "python:3.11-slim";
const READY_MS = 180_000;

/** One series of an answer: its labels and its newest value. */
export interface Sample {
  metric: Record<string, string>;
  value: number;
}

/** What Prometheus scrapes, as `/api/v1/targets` tells it. */
export interface ScrapeTarget {
  labels: Record<string, string>;
  scrapeUrl: string;
  health: "up" | "down" | "unknown";
  lastError: string;
}

/** A rule as `/api/v1/rules` tells it. */
export interface LoadedRule {
  name: string;
  health: string;
  annotations?: Record<string, string>;
  lastError?: string;
}

/** Why there can be no Prometheus on this machine; undefined where there can. It is built if it was not yet. */
export async function whyNoPrometheus(): Promise<string | undefined> {
  try {
    await builtTool("prometheus", "prometheus", silentProgress);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** A claim of the local cluster with the program on it, as `prometheus`. */
export async function prometheusVolume(namespace: string, claim: string): Promise<string> {
  const directory = await createSharedVolume(testVariable("KUBECONFIG"), namespace, claim);
  await copyFile(await builtTool("prometheus", "prometheus", silentProgress), join(directory, "prometheus"));
  return directory;
}

/** A real Prometheus in a pod of the local cluster. */
export class PrometheusServer {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /**
   * Starts one in a pod, with the service account and the ConfigMap `prometheus` of the namespace, the latter as /etc/prometheus. Only the image is
   * ours: the program, built from the pinned sources, comes on a volume.
   */
  static async start(namespace: string): Promise<PrometheusServer> {
    await prometheusVolume(namespace, "prometheus-program");
    await kubectlApply(namespace, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: NAME, labels: { "app.kubernetes.io/name": "prometheus" } },
      spec: {
        serviceAccountName: NAME,
        terminationGracePeriodSeconds: 1,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65534,
          fsGroup: 65534,
          seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [
          {
            name: NAME,
            image: IMAGE,
            imagePullPolicy: "IfNotPresent",
            command: [
              "/program/prometheus",
              "--config.file=/etc/prometheus/prometheus.yml",
              "--storage.tsdb.path=/data",
              "--log.level=warn",
            ],
            ports: [{ name: "web", containerPort: PORT }],
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ["ALL"] },
            },
            volumeMounts: [
              { name: "program", mountPath: "/program", readOnly: true },
              { name: "config", mountPath: "/etc/prometheus", readOnly: true },
              { name: "data", mountPath: "/data" },
            ],
          },
        ],
        volumes: [
          { name: "program", persistentVolumeClaim: { claimName: "prometheus-program" } },
          { name: "config", configMap: { name: NAME } },
          { name: "data", emptyDir: {} },
        ],
      },
    });
    return await PrometheusServer.of(namespace, NAME);
  }

  /** The one in that pod, once it is ready; throws with what the pod has said where it does not become so. */
  static async of(namespace: string, pod: string): Promise<PrometheusServer> {
    const about = [pod, "--namespace", namespace];
    const address = async (): Promise<string> => {
      const url = `http://${await kubectl("get", "pod", ...about, "-o", "jsonpath={.status.podIP}")}:${PORT}`;
      return (await fetch(`${url}/-/ready`)).ok ? url : "";
    };
    try {
      const describe = `Prometheus in ${pod} is ready`;
      return new PrometheusServer(await until(address, READY_MS, { describe, everyMs: 500 }));
    } catch (error) {
      const said = await kubectl("logs", ...about, "--all-containers", "--tail=60").catch(String);
      const described = await kubectl("describe", "pod", ...about).catch(String);
      throw new Error(`${messageOf(error)}\n${described.slice(-3_000)}\n${said}`);
    }
  }

  /** The newest values of a query; fails with the server's words for one that it does not understand. */
  async query(expr: string): Promise<Sample[]> {
    const { result } = await this.#ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expr)}`,
    );
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  async targets(): Promise<ScrapeTarget[]> {
    return (await this.#ask<{ activeTargets: ScrapeTarget[] }>("targets?state=active")).activeTargets;
  }

  /** The names of all labels that there are. */
  async labels(): Promise<string[]> {
    return await this.#ask<string[]>("labels");
  }

  async rules(): Promise<LoadedRule[]> {
    return (await this.#ask<{ groups: { rules: LoadedRule[] }[] }>("rules")).groups.flatMap(({ rules }) => rules);
  }

  async #ask<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${this.#url}/api/v1/${path}`)).json()) as {
      status: string;
      error?: string;
      data: T;
    };
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
}
