import { inTime } from "../../kube/in-time.ts";
import { ExpositionReader } from "./exposition.ts";
import { FIELDS } from "./field-table.ts";
import type { GpuRow } from "./gpu-row.ts";
import { RowBuilder, TooManyRows } from "./row-builder.ts";

/** Largest text that is read from an exporter (G-32). */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** How a scrape can end (G-36). `other`: the credential for it could not be read, or a fault of ours. */
export const SCRAPE_RESULTS = ["ok", "timeout", "refused", "http", "parse", "too_large", "other"] as const;
export type ScrapeResult = (typeof SCRAPE_RESULTS)[number];

/** A scrape that failed. The message completes "the exporter …" and is for everybody's eyes: it holds no address. */
export class ScrapeError extends Error {
  readonly result: Exclude<ScrapeResult, "ok">;

  constructor(result: Exclude<ScrapeResult, "ok">, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "ScrapeError";
    this.result = result;
  }
}

/**
 * Asks an exporter and gives the body of its answer; rejects with a ScrapeError or with the system's error. All of it,
 * the reading of the body too, ends when `signal` aborts.
 */
export type OpenExporter = (signal: AbortSignal) => Promise<AsyncIterable<Buffer>>;

/** What a scrape brought. */
export interface Scraped {
  rows: GpuRow[];
  /** Lines that could not be read. */
  skippedLines: number;
  /** Values that cannot be true. */
  droppedValues: number;
}

/**
 * Reads one exporter, within `timeoutMs` for everything (G-32). The text is parsed as it comes and only the rows are kept.
 * Rejects with a ScrapeError: half a text is no result.
 */
export async function scrape(open: OpenExporter, timeoutMs: number, stopped: AbortSignal): Promise<Scraped> {
  let isLate = false;
  try {
    return await inTime(timeoutMs, stopped, async ({ signal }) => {
      signal.addEventListener("abort", () => {
        isLate = !stopped.aborted;
      });
      return read(await open(signal), signal);
    });
  } catch (error) {
    if (error instanceof ScrapeError) throw error;
    if (isLate) throw new ScrapeError("timeout", `did not answer completely within ${timeoutMs / 1000} s`, error);
    throw failure(error);
  }
}

async function read(body: AsyncIterable<Buffer>, signal: AbortSignal): Promise<Scraped> {
  const rows = new RowBuilder();
  const reader = new ExpositionReader(
    (name) => FIELDS.has(name),
    (sample) => rows.add(sample),
  );
  const decoder = new TextDecoder();
  let bytes = 0;
  for await (const chunk of body) {
    signal.throwIfAborted();
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      throw new ScrapeError("too_large", `sent more than ${MAX_BODY_BYTES / 1024 / 1024} MiB`);
    }
    reader.push(decoder.decode(chunk, { stream: true }));
  }
  reader.push(decoder.decode());
  reader.end();
  const found = rows.rows();
  if (found.length === 0) throw new ScrapeError("parse", `sent no reading of a GPU (${bytes} bytes)`);
  return { rows: found, skippedLines: reader.malformed, droppedValues: rows.dropped };
}

/** Says in words what the system's error means. */
function failure(error: unknown): ScrapeError {
  if (error instanceof TooManyRows) return new ScrapeError("too_large", `sent ${error.message}`, error);
  const code = String((error as { code?: unknown } | null)?.code ?? "");
  if (code.startsWith("HPE_")) return new ScrapeError("http", `sent something that is not HTTP (${code})`, error);
  if (/^(?:CERT_|ERR_TLS_|ERR_SSL_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO)/.test(code)) {
    return new ScrapeError("refused", `has a certificate that is not accepted, or speaks no TLS (${code})`, error);
  }
  if (code !== "") return new ScrapeError("refused", `could not be reached, or broke off (${code})`, error);
  const text = error instanceof Error ? error.message : String(error);
  return new ScrapeError("other", `could not be read: ${text.slice(0, 200)}`, error);
}
