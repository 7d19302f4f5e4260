import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { testVariable } from "./kubectl.ts";

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

function parsed(line: string): AuditEvent | undefined {
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    // The last line may be half written.
    return undefined;
  }
}
