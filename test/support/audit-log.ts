import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { until } from "./deadline.ts";
import { testVariable } from "./kubectl.ts";

const FOLLOWED_MS = 120_000;

/** A request as the API server's audit log has it, as far as the tests look at it. */
export interface AuditedRequest {
  verb: string;
  resource: string;
  subresource?: string;
  name?: string;
  userAgent: string;
  code: number;
  /** When the server received the request, in milliseconds since 1970. */
  at: number;
}

interface AuditEvent {
  stage: string;
  verb: string;
  requestURI?: string;
  userAgent?: string;
  requestReceivedTimestamp?: string;
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseObject?: { metadata?: { name?: string } };
  responseStatus?: { code?: number };
}

/** Every answered request about a namespace, in the order of the answers; what the server saw, not what we think we sent. */
export async function auditedRequests(namespace: string): Promise<AuditedRequest[]> {
  const requests: AuditedRequest[] = [];
  const mark = `"namespace":"${namespace}"`;
  for await (const line of createInterface({ input: createReadStream(testVariable("ODIN_TEST_AUDIT_LOG")) })) {
    if (!line.includes(mark)) continue;
    const event = parsed(line);
    if (event?.stage !== "ResponseComplete" || event.objectRef?.namespace !== namespace) continue;
    const { resource = "", subresource, name } = event.objectRef;
    requests.push({
      verb: event.verb,
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      ...(name === undefined ? {} : { name }),
      userAgent: event.userAgent ?? "",
      code: event.responseStatus?.code ?? 0,
      at: Date.parse(event.requestReceivedTimestamp ?? ""),
    });
  }
  return requests;
}

/** How long the audit log is now: what is asked of the server from now on stands behind that. */
export async function auditLogLength(): Promise<number> {
  return (await stat(testVariable("ODIN_TEST_AUDIT_LOG"))).size;
}

/** Waits until somebody follows the log of a pod, and has the beginning of it, by what stands behind `from` in the audit log. */
export async function untilLogFollowed(namespace: string, pod: string, from: number): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?`;
  const isFollowed = async (): Promise<boolean> => {
    const lines = createInterface({ input: createReadStream(testVariable("ODIN_TEST_AUDIT_LOG"), { start: from }) });
    for await (const line of lines) {
      const event = line.includes(path) ? parsed(line) : undefined;
      const uri = event?.requestURI ?? "";
      if (event?.stage === "ResponseStarted" && uri.startsWith(path) && uri.includes("follow=true")) return true;
    }
    return false;
  };
  await until(isFollowed, FOLLOWED_MS, { describe: `the log of ${pod} is followed`, everyMs: 200 });
}

function parsed(line: string): AuditEvent | undefined {
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    // The last line may be half written.
    return undefined;
  }
}
