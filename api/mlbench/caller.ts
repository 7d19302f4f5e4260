/**
 * Who a request of the MLBench API comes from (M-14): `local` is an address of `MLBENCH_NETWORK`, which needs no credential; `worker` a live worker pod;
 * `user` a user of the Odin API.
 */
export interface MlbenchCaller {
  kind: "local" | "user" | "worker";
  /** Of a user. */
  username?: string;
  /** Of a worker. */
  podUid?: string;
  /** The run that a worker belongs to, if any. */
  runId?: number;
  /** Whether he is an administrator of the Odin API. */
  admin: boolean;
}
