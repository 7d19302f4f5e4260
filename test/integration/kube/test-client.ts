import { KubeConfig } from "@kubernetes/client-node";
import { KubeClient } from "../../../kube/client.ts";
import type { KubeClientOptions } from "../../../kube/client-options.ts";
import type { Logger } from "../../../kube/logger.ts";
import type { Resource } from "../../../kube/resource.ts";

/** A kind that every API server has and that nothing watches over. */
export const CONFIG_MAP: Resource = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

/** One line of a recording logger. */
export interface LogLine {
  level: string;
  msg: string;
  fields: Record<string, unknown>;
}

/** A logger that keeps its lines. */
export function recordingLogger(): { logger: Logger; lines: LogLine[]; text: () => string } {
  const lines: LogLine[] = [];
  const record = (level: string) => (fields: object, msg: string) => {
    lines.push({ level, msg, fields: { ...fields } });
  };
  const logger = { debug: record("debug"), info: record("info"), warn: record("warn"), error: record("error") };
  return { logger, lines, text: () => JSON.stringify(lines) };
}

/** A client of the API server of the tests, or of another one. */
export function testClient(options: Partial<KubeClientOptions> = {}): KubeClient {
  let { kubeConfig } = options;
  if (kubeConfig === undefined) {
    kubeConfig = new KubeConfig();
    kubeConfig.loadFromDefault();
  }
  return new KubeClient({ userAgent: "odin-test", ...options, kubeConfig });
}

/** A ConfigMap without content. */
export function configMap(
  name: string,
  data: Record<string, string> = {},
  labels: Record<string, string> = {},
): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels }, data };
}

/** What keeps the process alive besides the standard streams: a test file must leave nothing behind. */
export function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => !["PipeWrap", "TTYWrap", "FSReqCallback"].includes(name));
}

/** Rejection of a promise that must reject. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("the promise resolved");
}
