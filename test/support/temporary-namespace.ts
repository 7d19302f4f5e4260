import { randomBytes } from "node:crypto";
import { kubectl } from "./kubectl.ts";

/** A namespace of one test file. */
export interface TemporaryNamespace {
  name: string;
  /** Deletes it, and all it holds, without waiting for the end of that. */
  remove(): Promise<void>;
}

/** Creates `odin-<prefix>-<random>`, so that files can run side by side on one API server; the caller removes it in `after`. */
export async function temporaryNamespace(prefix = "test"): Promise<TemporaryNamespace> {
  const name = `odin-${prefix}-${randomBytes(4).toString("hex")}`;
  await kubectl("create", "namespace", name);
  return {
    name,
    remove: async () => {
      await kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found");
    },
  };
}
