import type { Moment } from "../dates.ts";

/** A worker pod, live or gone. */
export interface MetricPod {
  uid: string;
  name: string;
  /** The run that it belongs to, if any. */
  runId?: number;
}

/** A run as metrics need it. */
export interface MetricRun {
  id: number;
  name: string;
  createdAt: Moment;
  /** Null until it has ended. */
  finishedAt: Moment | null;
}

/** Whose metrics there are. A run that is being deleted is not among them any more (M-41). */
export interface MetricOwners {
  /** Live worker pods, oldest first. */
  livePods(): readonly MetricPod[];
  /** Of the pods of that name the newest, live or gone (M-64). */
  newestPod(name: string): Promise<MetricPod | undefined>;
  /** All runs, by id. */
  runs(): readonly MetricRun[];
  run(id: number): MetricRun | undefined;
  /** Every pod that a run has had, by name. */
  podsOfRun(id: number): Promise<readonly MetricPod[]>;
}
