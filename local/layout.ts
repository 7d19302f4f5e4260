import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { LocalError, systemCode } from "./local-error.ts";

/** Where the files of one cluster lie. */
export interface Layout {
  /** Absolute, without symbolic links. */
  directory: string;
  /** Eight hexadecimal digits derived from the directory: names processes, cgroup, interface and rules of this cluster. */
  id: string;
  kubeconfig: string;
  pki: string;
  etcd: string;
  logs: string;
  auditLog: string;
  /** What the node mounts, writes and keeps. */
  node: string;
  /** Host paths of shared volumes. */
  volumes: string;
  /** Marks the directory as ours and keeps its first id. */
  idFile: string;
  /** Written last: what runs here, for a start that finds the cluster running. */
  stateFile: string;
  /** Beside the directory, so that it outlives its removal. */
  lockFile: string;
}

/** The layout of the cluster in `directory`, which need not exist; its parent is made. */
export function layoutOf(directory: string): Layout {
  const wanted = resolve(directory);
  mkdirSync(dirname(wanted), { recursive: true });
  const real = join(realpathSync(dirname(wanted)), basename(wanted));
  return {
    directory: real,
    id: createHash("sha256").update(real).digest("hex").slice(0, 8),
    kubeconfig: join(real, "kubeconfig"),
    pki: join(real, "pki"),
    etcd: join(real, "etcd"),
    logs: join(real, "logs"),
    auditLog: join(real, "audit.log"),
    node: join(real, "node"),
    volumes: join(real, "volumes"),
    idFile: join(real, "cluster-id"),
    stateFile: join(real, "state.json"),
    lockFile: `${real}.lock`,
  };
}

/**
 * The ids that processes of this cluster may carry: today's, and the one from before the directory was renamed. Both are
 * needed: a directory that was deleted by hand has no file, a renamed one has another path.
 */
export async function clusterIds(layout: Layout): Promise<Set<string>> {
  const ids = new Set([layout.id]);
  try {
    const stored = (await readFile(layout.idFile, "utf8")).trim();
    if (/^[0-9a-f]{8}$/.test(stored)) ids.add(stored);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" && systemCode(error) !== "ENOTDIR") throw error;
  }
  return ids;
}

/** Throws unless the directory is absent, empty or a cluster's: whatever else it is, it must not be removed. */
export async function assertOurs(layout: Layout): Promise<void> {
  let names: string[];
  try {
    names = await readdir(layout.directory);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    if (systemCode(error) === "ENOTDIR") throw new LocalError(`${layout.directory} is a file, not a directory`);
    throw error;
  }
  if (names.length === 0 || names.includes(basename(layout.idFile))) return;
  throw new LocalError(
    `${layout.directory} holds other files (${names.slice(0, 3).join(", ")}) and no cluster; name an empty or new directory`,
  );
}

/** Makes the directories of a new cluster, readable by their owner only, the mark of ownership first. */
export async function createDirectories(layout: Layout): Promise<void> {
  await mkdir(layout.directory, { recursive: true, mode: 0o700 });
  await writeFile(layout.idFile, `${layout.id}\n`);
  for (const directory of [layout.logs, layout.etcd, layout.node, layout.volumes]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  }
}
