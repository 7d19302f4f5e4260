/** One answered request as the API server's audit log has it; times in µs since the epoch. */
export interface AuditEvent {
  verb: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  user: string;
  userAgent: string;
  /** HTTP status; 0 where the log has none. */
  code: number;
  /** When the server received the request. */
  receivedUs: number;
  /** When it had answered. */
  answeredUs: number;
}

interface LoggedEvent {
  stage?: string;
  verb?: string;
  userAgent?: string;
  user?: { username?: string };
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
  requestReceivedTimestamp?: string;
  stageTimestamp?: string;
}

/** The answered request that a line of the log tells of; undefined for other stages and for a line that was cut. */
export function auditEventOf(line: string): AuditEvent | undefined {
  if (!line.includes('"stage":"ResponseComplete"')) return undefined;
  let event: LoggedEvent;
  try {
    event = JSON.parse(line) as LoggedEvent;
  } catch {
    return undefined;
  }
  const { objectRef = {} } = event;
  return {
    verb: event.verb ?? "",
    resource: objectRef.resource ?? "",
    subresource: objectRef.subresource ?? "",
    namespace: objectRef.namespace ?? "",
    name: objectRef.name ?? "",
    user: event.user?.username ?? "",
    userAgent: event.userAgent ?? "",
    code: event.responseStatus?.code ?? 0,
    receivedUs: microseconds(event.requestReceivedTimestamp ?? ""),
    answeredUs: microseconds(event.stageTimestamp ?? ""),
  };
}

/** Microseconds since the epoch of an RFC 3339 time with up to six digits of fraction; `Date` alone would drop half of them. */
export function microseconds(time: string): number {
  const match = /^(.*?)(?:\.(\d{1,6})\d*)?Z$/.exec(time);
  if (match === null) throw new Error(`not a time of an audit log: ${JSON.stringify(time)}`);
  return Date.parse(`${match[1]}Z`) * 1000 + Number((match[2] ?? "").padEnd(6, "0"));
}

/** What was asked: `create pods`, `patch pipelines/status`. */
export function requestName({ verb, resource, subresource }: AuditEvent): string {
  return `${verb} ${resource}${subresource === "" ? "" : `/${subresource}`}`;
}
