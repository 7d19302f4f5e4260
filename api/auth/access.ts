/** Who may read what without a credential: `ODIN_PUBLIC_READS` (O-27). */
export const PUBLIC_READS = ["none", "status", "all"] as const;
export type PublicReads = (typeof PUBLIC_READS)[number];

/**
 * What a route asks of its caller: `open` nothing; `status` and `read` a credential unless the setting opens them;
 * `write` always a credential (O-26, O-27).
 */
export type Access = "open" | "status" | "read" | "write";

/** Whether a route of that access needs a verified credential. */
export function needsCredential(access: Access, publicReads: PublicReads): boolean {
  switch (access) {
    case "open":
      return false;
    case "status":
      return publicReads === "none";
    case "read":
      return publicReads !== "all";
    case "write":
      return true;
  }
}

/** One line for the log at start that says what anybody can read. */
export function describePublicReads(publicReads: PublicReads): string {
  switch (publicReads) {
    case "none":
      return "every route but /v1/ping, /v1/app, /v1/auth and /v1/openapi.json needs a credential";
    case "status":
      return "pipelines, events and nodes can be read without a credential; everything else needs one";
    case "all":
      return "everything can be read without a credential, files and logs included; changes need one (ODIN_PUBLIC_READS)";
  }
}
