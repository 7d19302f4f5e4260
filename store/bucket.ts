import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Blobs } from "./blobs.ts";
import { StoreProblem, type StoreProblemKind } from "./store-problem.ts";

/** A place in a bucket of an S3-compatible server, and the keys to it. */
export interface BucketLocation {
  /** Origin of the server. */
  endpoint: string;
  region: string;
  bucket: string;
  /** What keys begin with: empty, or ending in a slash. */
  prefix: string;
  keyId: string;
  key?: string;
  /** Read for each request; counts before `key`. */
  keyFile?: string;
}

const TIMEOUT_MS = 20_000;
/** More than anything that was put there. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_ERROR_BYTES = 4096;

/** Error codes of S3 by what can be done about them. */
const KINDS: readonly [code: RegExp, kind: StoreProblemKind, advice: string][] = [
  [/^(NoSuchBucket|InvalidBucketName)$/, "unavailable", "create the bucket"],
  [/^(RequestTimeTooSkewed|RequestExpired)$/, "unavailable", "set the clock of this machine"],
  [
    /^(InvalidAccessKeyId|SignatureDoesNotMatch|XAdminUserNotFound)$/,
    "unavailable",
    "see that the key and its id are right",
  ],
  [
    /^(AccessDenied|AccountProblem|AllAccessDisabled)$/,
    "unavailable",
    "give the key the right to get, put and delete objects",
  ],
  [/^(QuotaExceeded|XMinioStorageFull|EntityTooLarge|InsufficientStorage)$/, "full", "make room in it"],
  [/^(SlowDown|ServiceUnavailable|InternalError|OperationAborted|RequestTimeout)$/, "busy", "tried again later"],
];

/** Objects in a bucket, by HTTP with requests that are signed, their content included: one that is cut short or changed is refused. */
export class Bucket implements Blobs {
  readonly name: string;
  readonly #location: BucketLocation;
  readonly #timeoutMs: number;

  constructor(location: BucketLocation, timeoutMs = TIMEOUT_MS) {
    this.#location = location;
    this.#timeoutMs = timeoutMs;
    this.name = `s3://${location.bucket}/${location.prefix} at ${location.endpoint}`;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#ask("PUT", key, bytes, async () => undefined);
  }

  async get(key: string): Promise<Buffer | undefined> {
    return await this.#ask("GET", key, undefined, async (answer) => await this.#bytesOf(answer));
  }

  async remove(key: string): Promise<void> {
    await this.#ask("DELETE", key, undefined, async () => undefined);
  }

  async #ask<T>(
    method: string,
    key: string,
    bytes: Uint8Array | undefined,
    take: (answer: Response) => Promise<T>,
  ): Promise<T | undefined> {
    const { endpoint, bucket, prefix, region, keyId: accessKeyId } = this.#location;
    const { AwsClient } = await import("aws4fetch");
    const secretAccessKey = await this.#secret();
    const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region, retries: 0 });
    const path = `${prefix}${key}`.split("/").map(encodeURIComponent).join("/");
    const hash = createHash("sha256")
      .update(bytes ?? "")
      .digest("hex");
    try {
      const answer = await client.fetch(`${endpoint}/${bucket}/${path}`, {
        method,
        headers: { "X-Amz-Content-Sha256": hash },
        ...(bytes === undefined ? {} : { body: bytes }),
        redirect: "error",
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      if (answer.ok) return await take(answer);
      const code = await codeOf(answer);
      if (answer.status === 404 && (code === "NoSuchKey" || (code === "" && method !== "PUT"))) return undefined;
      throw this.#refused(answer.status, code);
    } catch (error) {
      if (error instanceof StoreProblem) throw error;
      throw this.#unreachable(error);
    }
  }

  async #secret(): Promise<string> {
    const { key = "", keyFile } = this.#location;
    if (keyFile === undefined) return key;
    try {
      return (await readFile(keyFile, "utf8")).trim();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new StoreProblem("unavailable", `the key file ${keyFile} of the log store cannot be read (${code})`);
    }
  }

  async #bytesOf(answer: Response): Promise<Buffer> {
    const announced = Number(answer.headers.get("content-length") ?? 0);
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of answer.body ?? []) {
      length += piece.length;
      if (length > MAX_BYTES) throw new StoreProblem("damaged", `an object in ${this.name} is larger than any of ours`);
      pieces.push(piece);
    }
    if (length < announced) throw new StoreProblem("unavailable", `the log store ${this.name}: the answer broke off`);
    return Buffer.concat(pieces);
  }

  #refused(status: number, code: string): StoreProblem {
    const known = KINDS.find(([pattern]) => pattern.test(code));
    const kind = known?.[1] ?? (status === 507 ? "full" : status === 429 || status >= 500 ? "busy" : "unavailable");
    const advice = known?.[2] ?? "see the server's own log";
    return new StoreProblem(
      kind,
      `the log store ${this.name}: HTTP ${status}${code === "" ? "" : ` ${code}`}; ${advice}`,
    );
  }

  #unreachable(error: unknown): StoreProblem {
    const { name, message, cause } = error as { name?: unknown; message?: unknown; cause?: { code?: unknown } };
    const { code } = cause ?? {};
    const words =
      name === "TimeoutError"
        ? `no answer within ${this.#timeoutMs / 1000} s`
        : String(code ?? message ?? error).slice(0, 200);
    return new StoreProblem(
      "unavailable",
      `the log store ${this.name}: ${words}; see that the server runs and can be reached`,
    );
  }
}

/** The code in an error of S3: XML of which no more than the beginning is read. Empty if there is none. */
async function codeOf(answer: Response): Promise<string> {
  let text = "";
  try {
    for await (const piece of answer.body ?? []) {
      text += Buffer.from(piece).toString("latin1");
      if (text.length > MAX_ERROR_BYTES) break;
    }
  } catch {
    // What came is enough.
  }
  return /<Code>([A-Za-z]{1,60})<\/Code>/.exec(text)?.[1] ?? "";
}
