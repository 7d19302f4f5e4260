import { LABELS } from "./names.ts";

/** Secrets of these types are our own stores (users, keys): they stay closed to tasks whatever their labels say. */
const OUR_TYPES = "odin.io/";

/** Whether tasks may mount a Secret that is not listed in the settings (O-147): it is labelled for it, and not one of ours. */
export function isMountable(secret: { type?: string; metadata: { labels?: Record<string, string> } }): boolean {
  return secret.metadata.labels?.[LABELS.mountable] === "true" && !secret.type?.startsWith(OUR_TYPES);
}

/** What is told where a task may not mount a Secret; an absent one is not told apart, so that names cannot be guessed. */
export function notMountable(name: string): string {
  return `Secret ${name} is not there or may not be mounted by tasks; label it ${LABELS.mountable}: "true"`;
}
