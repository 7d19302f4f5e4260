import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { LocalError, systemCode } from "./local-error.ts";
import { processesMarked } from "./process-identity.ts";

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
 * The ids that processes of this cluster may carry: that of its path, and the one from before the directory was renamed.
 * Both are needed: a directory that was deleted by hand has no file, a renamed one has another path.
 */
export async function clusterIds(layout: Layout): Promise<Set<string>> {
  const ids = new Set([layout.id]);
  const [id = "", ...path] = (await readIfThere(layout.idFile)).trim().split(" ");
  if (!/^[0-9a-f]{8}$/.test(id) || id === layout.id) return ids;
  // Renamed; but if a new cluster was made at the old place since, the id is that one's.
  const successor = await readIfThere(join(path.join(" "), basename(layout.idFile)));
  if (!successor.startsWith(id)) ids.add(id);
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
  // Deleted by hand while the cluster ran: what is there now, its processes wrote.
  if (processesMarked(MARK, new Set([layout.id])).length > 0) return;
  throw new LocalError(
    `${layout.directory} holds other files (${names.slice(0, 3).join(", ")}) and no cluster; name an empty or new directory`,
  );
}

/** Removes the directory, the mark of ownership last: a removal that was cut short can be repeated. */
export async function removeDirectories(layout: Layout): Promise<void> {
  const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 200 };
  const names = await readdir(layout.directory).catch(() => []);
  for (const name of names) {
    if (name !== basename(layout.idFile)) await rm(join(layout.directory, name), options);
  }
  await rm(layout.directory, options);
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return "";
    throw error;
  }
}

/**
 * Set in the environment of every process of a local cluster; the value is the cluster's id. It is how they are found
 * again, whatever became of the process that started them or of the cluster's directory.
 */
export const MARK = "ODIN_LOCAL_CLUSTER";

/** Makes the directories of a new cluster, readable by their owner only, the mark of ownership first. */
export async function createDirectories(layout: Layout): Promise<void> {
  await mkdir(layout.directory, { recursive: true, mode: 0o700 });
  await writeFile(layout.idFile, `${layout.id} ${layout.directory}\n`);
  for (const directory of [layout.logs, layout.etcd, layout.node, layout.volumes]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  }
}
