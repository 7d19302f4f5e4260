import { join, resolve } from "node:path";

/** Where one demonstration keeps everything: the cluster, the record of its processes, and what it leaves for the user. */
export interface RunDirectory {
  path: string;
  cluster: string;
  /** The operator and the API, as `processes.ts` records them. */
  processes: string;
  kubeconfig: string;
  /** `KEY=value` lines for a shell. */
  environment: string;
  /** The key that signs tokens. */
  secret: string;
  /** The logs of ended tasks. */
  store: string;
  /** The git work tree of jobs made over REST. */
  jobs: string;
  log: string;
}

/** The checkout's own, where no other is named. */
export const DEFAULT_RUN_DIRECTORY: string = resolve(import.meta.dirname, "../../.odin");

/** The files of a run directory; nothing is created. */
export function runDirectory(path: string = DEFAULT_RUN_DIRECTORY): RunDirectory {
  const directory = resolve(path);
  return {
    path: directory,
    cluster: join(directory, "cluster"),
    processes: join(directory, "processes.json"),
    kubeconfig: join(directory, "kubeconfig"),
    environment: join(directory, "env"),
    secret: join(directory, "secret"),
    store: join(directory, "store.db"),
    jobs: join(directory, "jobs"),
    log: join(directory, "odin.log"),
  };
}

/** The files and directories that the demonstration writes beside the cluster and the record of processes. */
export function demoFiles({ kubeconfig, environment, secret, store, jobs, log }: RunDirectory): string[] {
  return [kubeconfig, environment, secret, store, `${store}-wal`, `${store}-shm`, jobs, log];
}
