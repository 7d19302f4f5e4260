/** What a container does once it runs, decided before the world begins. */
export interface Outcome {
  /** From the node's acceptance to the container's start, image included. */
  startMs: number;
  /** From the start to the end; a container that hangs has none. */
  runMs: number;
  end: "succeed" | "fail" | "oom" | "hang" | "noImage";
  exitCode: number;
}

/** How one pod really ended, whatever anybody wrote about it. */
export interface Truth {
  podUid: string;
  runUid: string;
  task: string;
  attempt: number;
  end: "succeeded" | "failed" | "lost";
  /** A fault of the cluster, and none of the container's own, ended it. */
  byCluster: boolean;
  exitCode?: number;
  atMs: number;
}
