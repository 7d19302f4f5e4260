import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Blobs } from "./blobs.ts";
import { AnswerTooLarge, askBucket, type BucketAnswer } from "./bucket-exchange.ts";
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
    await this.#ask("PUT", key, bytes);
  }

  async get(key: string): Promise<Buffer | undefined> {
    return await this.#ask("GET", key);
  }

  async remove(key: string): Promise<void> {
    await this.#ask("DELETE", key);
  }

  /** Undefined where there is no such object. */
  async #ask(method: string, key: string, bytes?: Uint8Array): Promise<Buffer | undefined> {
    const { endpoint, bucket, prefix, region, keyId: accessKeyId } = this.#location;
    const { AwsV4Signer } = await import("aws4fetch");
    const secretAccessKey = await this.#secret();
    const path = `${prefix}${key}`.split("/").map(encodeURIComponent).join("/");
    const hash = createHash("sha256")
      .update(bytes ?? "")
      .digest("hex");
    const signed = await new AwsV4Signer({
      ...{ accessKeyId, secretAccessKey, service: "s3", region, method },
      url: `${endpoint}/${bucket}/${path}`,
      headers: { "X-Amz-Content-Sha256": hash },
    }).sign();
    let answer: BucketAnswer;
    try {
      answer = await askBucket({
        ...{ method, url: signed.url, body: bytes, timeoutMs: this.#timeoutMs },
        headers: Object.fromEntries(signed.headers),
        maxBytes: (status) => (isFine(status) ? MAX_BYTES : MAX_ERROR_BYTES),
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
    if (isFine(answer.status)) return answer.body;
    const code = codeOf(answer.body);
    if (answer.status === 404 && (code === "NoSuchKey" || (code === "" && method !== "PUT"))) return undefined;
    throw this.#refused(answer.status, code);
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
    if (error instanceof AnswerTooLarge)
      return new StoreProblem("damaged", `an object in ${this.name} is larger than any of ours`);
    const { message, code } = error as { message?: unknown; code?: unknown };
    const words = String(code ?? message ?? error).slice(0, 200);
    return new StoreProblem(
      "unavailable",
      `the log store ${this.name}: ${words}; see that the server runs and can be reached`,
    );
  }
}

function isFine(status: number): boolean {
  return status >= 200 && status < 300;
}

/** The code in an error of S3: XML of which no more than the beginning was read. Empty if there is none. */
function codeOf(body: Buffer): string {
  return /<Code>([A-Za-z]{1,60})<\/Code>/.exec(body.toString("latin1"))?.[1] ?? "";
}
