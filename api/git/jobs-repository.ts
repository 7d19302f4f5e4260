import type { FileHandle } from "node:fs/promises";

/** A regular file of the jobs repository as its directory showed it a moment ago; links are resolved and stay inside (O-12). */
export interface RepositoryFile {
  name: string;
  /** Bytes, when it was listed. */
  size: number;
  /** The whole content; rejects with the system's error if the file is gone or can no longer be read. */
  read(): Promise<Buffer>;
  /** Opens the file for reading piece by piece; the caller closes it. */
  open(): Promise<FileHandle>;
}

/** A job directory (O-100). */
export interface RepositoryJob {
  /** O-10. */
  id: string;
  /** Absolute path as replies and tasks show it: `<ODIN_FS_ROOT>/<id>`. */
  path: string;
  /** Text of `main.yml`; absent if there is none (the job is only a template) or if `problem` says why it has no text. */
  main?: string;
  /** Why `main.yml` has no text: too large, or not UTF-8. */
  problem?: string;
  /** Names of the `*.jinja2` files, sorted. */
  templates: string[];
  /** Every regular file directly in the directory whose name keeps O-11, `main.yml` too, sorted by name. */
  files: RepositoryFile[];
}

/** What one commit changes: whole files by their path below the root. */
export type FileWrite = readonly [path: string, bytes: Buffer];

/** A change that becomes one commit. */
export interface Change {
  /** The author. */
  user: string;
  /** First line of the commit. */
  message: string;
  /**
   * Says what to write. Called once nothing else writes and the work tree holds what the remote has, and again if the
   * remote moved on before the push: what it reads from the repository is what it changes. An error that it throws
   * ends the write with nothing changed.
   */
  files(): Promise<readonly FileWrite[]>;
}

/** What GET /app tells (O-63). */
export interface RepositoryState {
  /** The tracked remote branch as last seen, else HEAD: 40 hex digits. */
  version: string;
  /** Whether a tracked file differs from HEAD. */
  dirty: boolean;
  /** Why the last sync failed. */
  error?: string;
}

/** The git work tree with the jobs. Nothing here waits for the remote but `refresh` and `write` (O-104). */
export interface JobsRepository {
  /** False only for a new work tree whose remote could not be reached yet: it has no jobs, but nobody knows which there are. */
  readonly isKnown: boolean;
  /** Whether a text may be the id of a job here: in the grammar of O-10, and not in the render directory. */
  isOpenId(id: string): boolean;
  /** All jobs, sorted by id. A job is the same object for as long as its files stay the same: what is made of it can be kept by it. */
  jobs(): Promise<RepositoryJob[]>;
  /** One job as it is now; undefined for anything that is no job directory, also for a text that is no job id. */
  job(id: string): Promise<RepositoryJob | undefined>;
  /** Regular files directly in the root whose names keep O-11, sorted by name (O-107); the same list for as long as they stay the same. */
  rootFiles(): Promise<readonly RepositoryFile[]>;
  /** HEAD, 40 hex digits. */
  head(): string;
  /**
   * What `read` reads from the repository at one moment, with the HEAD of that moment: it is repeated if a change came in between. Rejects as
   * `read` does, and with a 503 if changes keep coming.
   */
  atHead<T>(read: () => Promise<T>): Promise<{ head: string; value: T }>;
  /** Takes over what the remote has, waiting at most so long; never rejects: `state` tells what went wrong. */
  refresh(deadlineMs: number): Promise<void>;
  /**
   * Makes one commit, pushes it where there is a remote, and brings the work tree to it (O-105). Without a difference
   * there is no commit and `changed` is false. Rejects with an `ApiError`: `RepositoryUnavailable` (503) if the remote
   * cannot be reached, `RepositoryConflict` (409) if it keeps refusing. Then nothing is changed.
   */
  write(change: Change): Promise<{ head: string; changed: boolean }>;
  state(): RepositoryState;
  /** Whether a commit is known here; another server may know more of the remote (O-104). */
  knows(commit: string): Promise<boolean>;
}
