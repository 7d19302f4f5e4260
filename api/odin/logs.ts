import { isKubeError } from "../../kube/errors.ts";
import { inTime } from "../../kube/in-time.ts";
import { newestBytes } from "../../kube/newest-bytes.ts";
import { MAX_LOG_BYTES } from "../../store/log-archive.ts";
import { ApiError, retryAfter } from "../errors.ts";
import { Gate } from "../gate.ts";
import {
  hasLog,
  type LogOptions,
  type LogTarget,
  MissingLog,
  missingLog,
  noLogYet,
  type OpenLog,
} from "./log-source.ts";

/** Logs read at once by all requests together, and ahead of the caller within one: each may hold `MAX_LOG_BYTES`. */
const CONCURRENT_READS = 8;
const WAITING_READS = 256;
const READ_AHEAD = 3;
/** A node that does not answer must not hold a reply for ever. */
const READ_TIMEOUT_MS = 60_000;

const reads = new Gate(CONCURRENT_READS, WAITING_READS);

/** The lines above a pod's log (O-223). */
export function logHeader(pod: string): string {
  return `================\n${pod}\n----------------\n`;
}

/**
 * The reply of /resources/{id}/logs, piece by piece: one JSON string with a section for each pod (O-223). A log that cannot be
 * read leaves a line that says why; only if the API server does not answer at all for the first one, that is thrown.
 */
export async function* logReply(
  targets: readonly LogTarget[],
  open: OpenLog,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const ahead: Promise<Section>[] = [];
  let next = 0;
  const fill = (): void => {
    for (; ahead.length < READ_AHEAD && next < targets.length; next++) {
      const target = targets[next];
      if (target !== undefined) ahead.push(readSection(target, open, options, signal));
    }
  };
  fill();
  let opening = '"';
  for (let current = ahead.shift(); current !== undefined; current = ahead.shift()) {
    const section = await current;
    if (opening === '"' && section.unreachable !== undefined) throw section.unreachable;
    yield opening + JSON.stringify(section.text).slice(1, -1);
    opening = "\\n";
    fill();
  }
  yield opening === '"' ? '""' : '"';
}

interface Section {
  text: string;
  /** Set if nothing could be read because the API server did not answer. */
  unreachable?: unknown;
}

/** Never rejects: sections are read ahead of the one that is awaited. */
async function readSection(
  target: LogTarget,
  open: OpenLog,
  options: LogOptions,
  signal: AbortSignal,
): Promise<Section> {
  const header = logHeader(target.name);
  if (!hasLog(target, options.container)) return { text: header + noLogYet(target) };
  try {
    const { bytes, error } = await inTime(READ_TIMEOUT_MS, signal, (bounded) =>
      reads.run(
        async () =>
          newestBytes(await open(target, { ...options, follow: false, signal: bounded.signal }), MAX_LOG_BYTES),
        () => new ApiError("Busy", "too many logs are being read; try again in a moment", { headers: retryAfter(2) }),
      ),
    );
    const text = bytes.toString();
    const log = text.endsWith("\n") ? text.slice(0, -1) : text;
    return { text: header + (error === undefined ? log : `${log}\n${missingLog(error)}`) };
  } catch (error) {
    if (error instanceof MissingLog) return { text: header + missingLog(error) };
    if (isKubeError(error))
      return { text: header + missingLog(error), ...(error.code === 0 ? { unreachable: error } : {}) };
    return {
      text: `${header}(no log: ${error instanceof ApiError ? error.message : "internal error"})`,
      unreachable: error,
    };
  }
}
