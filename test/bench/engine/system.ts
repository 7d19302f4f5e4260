import type { BenchRun } from "./graphs.ts";

/** Which attempt at which task of which run a pod is. */
export interface PodIdentity {
  run: string;
  task: string;
  attempt: number;
}

/** What is measured: something that turns runs into pods. */
export interface System {
  /** Whom it is to the API server: its requests are those of this user. */
  user: string;
  /** Its process at this moment; undefined where it is the benchmark itself, of which nothing is measured. */
  pid(): number | undefined;
  /** Throws, quoting its log, if the process has ended by itself. */
  check(): void;
  submit(run: BenchRun): Promise<void>;
  /** The resource that stands for a run, as the audit log names it; its creation is the beginning of the run. */
  resource: string;
  /** Names of the runs that have not ended well; asked only when the pods have ended. */
  unfinished(runs: readonly BenchRun[]): Promise<string[]>;
  identify(pod: string): PodIdentity | undefined;
  /** Bytes of request bodies that it sent so far, by `verb resource`; empty where it does not count them. */
  sentBytes(): Promise<Map<string, number>>;
  stop(): Promise<void>;
}
