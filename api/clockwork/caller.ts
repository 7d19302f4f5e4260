/** Who a request of the Clockwork API comes from, with what his Secret says of him (C-14). */
export interface Caller {
  /** Also his `mila_cluster_username`. */
  username: string;
  /** His `mila_email_username`. */
  email: string;
  ccAccountUsername: string | null;
  /** Clusters whose jobs he may see; undefined: all (C-18). */
  clusters: readonly string[] | undefined;
  admin: boolean;
  /** Jobs on a page where the request does not say; undefined: the server's setting. */
  pageSize: number | undefined;
  /** Whether he sees other users' jobs: an administrator, or everybody by the setting (C-17). */
  seesAll: boolean;
}
