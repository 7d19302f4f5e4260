/** A worker pod whose use of its node is read. */
export interface CollectedPod {
  uid: string;
  namespace: string;
  name: string;
  /** Its first container (M-62). */
  container: string;
}
