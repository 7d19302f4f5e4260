import { randomBytes } from "node:crypto";
import { until } from "./deadline.ts";
import { kubectl } from "./kubectl.ts";

const ACCOUNT_MS = 120_000;

/** A namespace of one test file. */
export interface TemporaryNamespace {
  name: string;
  /** Deletes it, and all it holds, without waiting for the end of that. */
  remove(): Promise<void>;
}

/**
 * Creates `odin-<prefix>-<random>`, so that files can run side by side on one API server; the caller removes it in `after`. Where there is a node it
 * takes pods at once.
 */
export async function temporaryNamespace(prefix = "test"): Promise<TemporaryNamespace> {
  const name = `odin-${prefix}-${randomBytes(4).toString("hex")}`;
  await kubectl("create", "namespace", name);
  if (process.env.ODIN_TEST_HOST_ADDRESS !== undefined) await untilDefaultAccount(name);
  return {
    name,
    remove: async () => {
      await kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found");
    },
  };
}

/** Waits until a new namespace has the account that pods get: a controller makes it, and the API server refuses a pod that has waited for it for a second. */
export async function untilDefaultAccount(namespace: string): Promise<void> {
  await until(() => kubectl("get", "serviceaccount", "default", "-n", namespace, "-o", "name"), ACCOUNT_MS, {
    describe: `${namespace} has an account for its pods`,
  });
}
