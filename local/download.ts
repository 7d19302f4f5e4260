import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { BinarySet } from "./binary-set.ts";
import { withTemporary } from "./cache-temporary.ts";
import { run } from "./command.ts";
import { LocalError } from "./local-error.ts";
import type { Step } from "./progress.ts";

/** Where the projects publish their releases. */
export interface ReleaseHosts {
  kubernetes: string;
  etcd: string;
  coredns: string;
}

export const OFFICIAL_RELEASES: ReleaseHosts = {
  kubernetes: "https://dl.k8s.io/release",
  etcd: "https://github.com/etcd-io/etcd/releases/download",
  coredns: "https://github.com/coredns/coredns/releases/download",
};

const PROBE_TIMEOUT_MS = 2500;
const FILE_TIMEOUT_MS = 10 * 60_000;
const CHECKSUM_BYTES = 64 * 1024;

/** One published file. */
interface Release {
  url: string;
  /** A file with its SHA-256 sum: alone, or one line among others that ends with the file's name. */
  sums: string;
  /** The program's path in the file, if that is an archive. */
  member?: string;
}

/**
 * Downloads those of `names` that the official releases offer at the pinned versions, checked against the published
 * SHA-256 sums, into the set's cache directory, which must exist. Returns false, quickly and without a word, if the
 * hosts do not answer or do not have one of them; throws if a download breaks off or does not match its sum.
 */
export async function downloadReleases(
  set: BinarySet,
  names: readonly string[],
  step: Step,
  o: { signal?: AbortSignal | undefined; hosts?: ReleaseHosts } = {},
): Promise<boolean> {
  const releases = names.flatMap((name) => releaseOf(set, name, o.hosts ?? OFFICIAL_RELEASES) ?? []);
  if (releases.length < names.length) return false;
  const answers = await Promise.all(releases.map(({ sums }) => answersInTime(sums, o.signal)));
  if (answers.includes(false)) return false;
  await withTemporary(`${set.cacheDirectory}.download-`, async (temporary) => {
    for (const [index, { url, sums, member }] of releases.entries()) {
      const name = names[index] ?? "";
      const tell = (part: string) => step.update(`downloading ${name} (${index + 1} of ${names.length}), ${part}`);
      const published = basename(url);
      const file = join(temporary, published);
      await fetchFile(url, file, sumIn(await fetchText(sums, o.signal), published), tell, o.signal);
      if (member !== undefined) {
        const depth = member.split("/").length - 1;
        await run("tar", ["-xzf", file, "-C", temporary, `--strip-components=${depth}`, member], o);
      }
      await chmod(join(temporary, name), 0o755);
      await rename(join(temporary, name), join(set.cacheDirectory, name));
    }
  });
  return true;
}

/** Undefined for a program that is not published, or not in this way. */
function releaseOf(set: BinarySet, name: string, hosts: ReleaseHosts): Release | undefined {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  if (name === "etcd") {
    const version = set.versionOf("go.etcd.io/etcd/server/v3");
    const archive = `etcd-${version}-linux-${architecture}`;
    const base = `${hosts.etcd}/${version}`;
    return { url: `${base}/${archive}.tar.gz`, sums: `${base}/SHA256SUMS`, member: `${archive}/etcd` };
  }
  if (name === "coredns") {
    const version = set.versionOf("github.com/coredns/coredns");
    const url = `${hosts.coredns}/${version}/coredns_${version.replace(/^v/, "")}_linux_${architecture}.tgz`;
    return { url, sums: `${url}.sha256`, member: "coredns" };
  }
  if (!name.startsWith("kube")) return undefined;
  const url = `${hosts.kubernetes}/${set.versionOf("k8s.io/kubernetes")}/bin/linux/${architecture}/${name}`;
  return { url, sums: `${url}.sha256` };
}

function sumIn(text: string, published: string): string | undefined {
  const lines = text.trim().split("\n");
  const line = lines.length === 1 ? lines[0] : lines.find((candidate) => candidate.trim().endsWith(published));
  return line?.trim().split(/\s+/)[0];
}

async function answersInTime(url: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const response = await fetch(url, { method: "HEAD", signal: limit(PROBE_TIMEOUT_MS, signal) });
    return response.ok;
  } catch {
    return false;
  }
}

async function fetchText(url: string, signal: AbortSignal | undefined): Promise<string> {
  const response = await fetch(url, { signal: limit(30_000, signal) });
  const text = response.ok ? await response.text() : "";
  if (text === "" || text.length > CHECKSUM_BYTES) throw new LocalError(`${url} gave no checksum (${response.status})`);
  return text;
}

async function fetchFile(
  url: string,
  path: string,
  sum: string | undefined,
  tell: (part: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!sum || !/^[0-9a-f]{64}$/.test(sum)) throw new LocalError(`no SHA-256 sum is published for ${url}`);
  const response = await fetch(url, { signal: limit(FILE_TIMEOUT_MS, signal) });
  if (!response.ok || !response.body) throw new LocalError(`${url} answered ${response.status}`);
  const total = Number(response.headers.get("content-length") ?? 0);
  let received = 0;
  const count = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      received += chunk.length;
      tell(total > 0 ? `${Math.floor((received / total) * 100)} %` : `${Math.floor(received / 1e6)} MB`);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(response.body as never), count, createWriteStream(path, { mode: 0o600 }));
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  const found = hash.digest("hex");
  if (found !== sum) throw new LocalError(`${url} does not match its published checksum (${found} instead of ${sum})`);
}

function limit(ms: number, signal: AbortSignal | undefined): AbortSignal {
  if (signal === undefined) return AbortSignal.timeout(ms);
  // Not AbortSignal.any: on Node 20 a time-out that nothing but it refers to is collected as garbage and never aborts.
  const either = new AbortController();
  const abort = () => either.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true, signal: either.signal });
  setTimeout(() => either.abort(new DOMException("no answer in time", "TimeoutError")), ms).unref();
  return either.signal;
}
