import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, rename } from "node:fs/promises";
import { join } from "node:path";
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
}

export const OFFICIAL_RELEASES: ReleaseHosts = {
  kubernetes: "https://dl.k8s.io/release",
  etcd: "https://github.com/etcd-io/etcd/releases/download",
};

const PROBE_TIMEOUT_MS = 2500;
const FILE_TIMEOUT_MS = 10 * 60_000;
const CHECKSUM_BYTES = 64 * 1024;

/**
 * Downloads those of `names` that the official releases offer at the pinned versions, checked against the published
 * SHA-256 sums, into the set's cache directory, which must exist. Returns false, quickly and without a word, if the
 * hosts do not answer; throws if a download breaks off or does not match its sum.
 */
export async function downloadReleases(
  set: BinarySet,
  names: readonly string[],
  step: Step,
  o: { signal?: AbortSignal | undefined; hosts?: ReleaseHosts } = {},
): Promise<boolean> {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const hosts = o.hosts ?? OFFICIAL_RELEASES;
  const kubernetes = `${hosts.kubernetes}/${set.versionOf("k8s.io/kubernetes")}/bin/linux/${architecture}`;
  const etcdVersion = set.versionOf("go.etcd.io/etcd/server/v3");
  const etcd = `${hosts.etcd}/${etcdVersion}`;
  const wanted = names.includes("etcd") ? [`${etcd}/SHA256SUMS`] : [];
  if (names.some((name) => name !== "etcd")) wanted.push(`${kubernetes}/kubectl.sha256`);
  const answers = await Promise.all(wanted.map((url) => answersInTime(url, o.signal)));
  if (answers.includes(false)) return false;
  await withTemporary(`${set.cacheDirectory}.download-`, async (temporary) => {
    for (const [index, name] of names.entries()) {
      const tell = (part: string) => step.update(`downloading ${name} (${index + 1} of ${names.length}), ${part}`);
      const file = join(temporary, name);
      if (name === "etcd") {
        const archive = `etcd-${etcdVersion}-linux-${architecture}.tar.gz`;
        const sums = await fetchText(`${etcd}/SHA256SUMS`, o.signal);
        const sum = sums
          .split("\n")
          .find((line) => line.trim().endsWith(archive))
          ?.split(/\s+/)[0];
        await fetchFile(`${etcd}/${archive}`, join(temporary, archive), sum, tell, o.signal);
        const member = `${archive.replace(/\.tar\.gz$/, "")}/etcd`;
        await run("tar", ["-xzf", join(temporary, archive), "-C", temporary, "--strip-components=1", member], o);
      } else {
        const sum = (await fetchText(`${kubernetes}/${name}.sha256`, o.signal)).trim().split(/\s+/)[0];
        await fetchFile(`${kubernetes}/${name}`, file, sum, tell, o.signal);
      }
      await chmod(file, 0o755);
      await rename(file, join(set.cacheDirectory, name));
    }
  });
  return true;
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
  const timeout = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([timeout, signal]) : timeout;
}
