import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "./client.ts";
import { type ErrorCategory, isKubeError, KubeError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { objectPath } from "./resource.ts";

const DEFINITION = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
} as const;

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

interface Definition {
  status?: { conditions?: Condition[] };
}

const POLL_EVERY_MS = 100;
/** What may pass by itself; everything else fails the start at once. */
const WORTH_WAITING: ErrorCategory[] = ["transient", "throttled", "conflict"];

/** Options of `applyDefinition`. */
export interface ApplyDefinitionOptions {
  /** Bound for applying and for becoming Established together. */
  deadlineMs: number;
  logger: Logger;
  /** Owner of the fields for server-side apply. */
  fieldManager?: string;
  signal?: AbortSignal;
}

/**
 * Brings a CustomResourceDefinition to the server by server-side apply, so that an upgrade reaches it too, and waits until it
 * is Established. `crd` is sent as it is: typed clients lose its `x-kubernetes-*` fields, CEL rules included. Rejects
 * with a KubeError that names the CRD and the condition that is missing.
 */
export async function applyDefinition(client: KubeClient, crd: object, options: ApplyDefinitionOptions): Promise<void> {
  const name = nameOf(crd);
  const path = objectPath(DEFINITION, undefined, name);
  const deadline = performance.now() + options.deadlineMs;
  const request = options.signal ? { signal: options.signal } : {};
  let current = await untilAnswered(name, deadline, options, () =>
    client.patch<Definition>(path, "apply", crd, {
      ...request,
      fieldManager: options.fieldManager ?? "odin",
      force: true,
    }),
  );
  while (!isEstablished(name, current)) {
    if (performance.now() >= deadline) throw notEstablished(name, current, options.deadlineMs);
    await sleep(POLL_EVERY_MS, undefined, request);
    current = await untilAnswered(name, deadline, options, () => client.get<Definition>(path, request));
  }
  options.logger.info({ crd: name }, "the custom resource definition is established");
}

async function untilAnswered<T>(
  name: string,
  deadline: number,
  options: ApplyDefinitionOptions,
  send: () => Promise<T>,
): Promise<T> {
  for (let told = ""; ; ) {
    try {
      return await send();
    } catch (error) {
      if (!isKubeError(error, ...WORTH_WAITING)) throw explained(name, error);
      const pauseMs = Math.max(POLL_EVERY_MS, error.retryAfterMs ?? 0);
      if (performance.now() + pauseMs >= deadline) throw explained(name, error);
      if (told !== error.message)
        options.logger.warn({ crd: name, err: error.message }, "the API server is not ready yet");
      told = error.message;
      await sleep(pauseMs, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}

function nameOf(crd: object): string {
  const name = (crd as { metadata?: { name?: unknown } }).metadata?.name;
  if (typeof name !== "string" || name === "") throw new Error("the CustomResourceDefinition has no metadata.name");
  return name;
}

/** Throws where the server has refused the names: waiting would not help. */
function isEstablished(name: string, definition: Definition): boolean {
  const conditions = definition.status?.conditions ?? [];
  if (conditions.some(({ type, status }) => type === "Established" && status === "True")) return true;
  const refused = conditions.find(({ type, status }) => type === "NamesAccepted" && status === "False");
  if (refused === undefined) return false;
  throw failed(`the names of the CRD ${name} are taken (${refused.reason}): ${refused.message}; remove the other CRD`);
}

function notEstablished(name: string, definition: Definition, deadlineMs: number): KubeError {
  const found = definition.status?.conditions?.map((c) => `${c.type}=${c.status} ${c.reason ?? ""}`.trim()).join(", ");
  return failed(
    `the CRD ${name} did not become Established within ${deadlineMs} ms; its conditions: ${found || "none"}`,
  );
}

function explained(name: string, error: unknown): unknown {
  if (!isKubeError(error, "forbidden", "unauthorized", "invalid")) return error;
  const advice =
    error.category === "invalid"
      ? "the CRD does not fit this API server"
      : "give this process the right to patch customresourcedefinitions, or install the CRDs beforehand";
  return new KubeError({
    ...error,
    message: `cannot apply the CRD ${name}: ${error.message}; ${advice}`,
    cause: error,
  });
}

function failed(message: string): KubeError {
  return new KubeError({ code: 0, reason: "NotEstablished", category: "other", message });
}
