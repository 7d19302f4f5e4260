import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { KubeObject } from "../../kube/resource.ts";

/** A write that the API server answered, as its audit log has it (`auditLog: "bodies"`). */
export interface AuditedWrite {
  /** When the server got it and when it answered, in milliseconds since 1970, by the server's clock. */
  at: number;
  doneAt: number;
  verb: "create" | "update" | "patch" | "delete" | "deletecollection";
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  userAgent: string;
  /** HTTP status of the answer. */
  code: number;
  /** The object that the server answered with, where the policy keeps it. */
  object?: KubeObject;
}

/** What a case left behind: all writes in its namespace in the order of their answers, all versions of its runs, and the objects that are there. */
export interface History {
  writes: readonly AuditedWrite[];
  /** Every version of every run that a watch has shown, those of deleted ones included. */
  seen: readonly KubeObject[];
  pipelines: readonly KubeObject[];
  pods: readonly KubeObject[];
}

interface AuditEvent {
  stage: string;
  verb: string;
  userAgent?: string;
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseObject?: KubeObject;
  responseStatus?: { code?: number };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
}

const WRITES: ReadonlySet<string> = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** The writes in a namespace that an audit log holds. */
export async function auditedWrites(file: string, namespace: string): Promise<AuditedWrite[]> {
  const writes: AuditedWrite[] = [];
  const mark = `"namespace":"${namespace}"`;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (!line.includes(mark)) continue;
    const write = writeOf(line, namespace);
    if (write !== undefined) writes.push(write);
  }
  return writes;
}

function writeOf(line: string, namespace: string): AuditedWrite | undefined {
  let event: AuditEvent;
  try {
    event = JSON.parse(line) as AuditEvent;
  } catch {
    // The last line may be half written, and so may one at which the server was killed.
    return undefined;
  }
  const { objectRef, responseObject } = event;
  if (event.stage !== "ResponseComplete" || objectRef?.namespace !== namespace || !WRITES.has(event.verb)) {
    return undefined;
  }
  const name = objectRef.name ?? responseObject?.metadata?.name;
  return {
    at: Date.parse(event.requestReceivedTimestamp),
    doneAt: Date.parse(event.stageTimestamp),
    verb: event.verb as AuditedWrite["verb"],
    resource: objectRef.resource ?? "",
    ...(objectRef.subresource === undefined ? {} : { subresource: objectRef.subresource }),
    namespace,
    ...(name === undefined ? {} : { name }),
    userAgent: event.userAgent ?? "",
    code: event.responseStatus?.code ?? 0,
    ...(responseObject?.metadata === undefined ? {} : { object: responseObject }),
  };
}
