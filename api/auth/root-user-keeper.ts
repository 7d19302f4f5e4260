import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../kube/client.ts";
import { isKubeError } from "../../kube/errors.ts";
import type { Informer } from "../../kube/informer.ts";
import type { Logger } from "../../kube/logger.ts";
import { ensureRootUser, type RootUser } from "./root-user.ts";
import type { StoredUser } from "./user.ts";

interface KeeperOptions {
  client: KubeClient;
  namespace: string;
  /** Absent: there is no root user to look after. */
  root: RootUser | undefined;
  users: Pick<Informer<StoredUser>, "noteWritten">;
  logger: Logger;
}

const RETRY_MS = 2_000;

/** Sees to it at start that the root user is there (O-31), however long the API server takes to answer. */
export class RootUserKeeper {
  readonly #options: KeeperOptions;
  #done: boolean;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#done = options.root === undefined;
  }

  /** Whether the root user is there, or none is wanted. */
  get done(): boolean {
    return this.#done;
  }

  /** Tries until it works or `signal` aborts; rejects only for what waiting does not mend. */
  async ensure(signal: AbortSignal): Promise<void> {
    const { client, namespace, root, users, logger } = this.#options;
    while (root !== undefined && !this.#done) {
      try {
        users.noteWritten(await ensureRootUser(client, namespace, root, logger));
        this.#done = true;
      } catch (error) {
        if (!isKubeError(error) || signal.aborted) throw error;
        logger.warn({ err: error }, "root user not written yet; trying again");
        await sleep(RETRY_MS, undefined, { signal });
      }
    }
  }
}
