import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "../kube/logger.ts";
import type { ObjectWork } from "../store/object-change.ts";
import { openStore, type Store, type StoreLocation } from "../store/store.ts";

/**
 * The store in which Clockwork's jobs and notes (C-83) and MLBench's metrics, output and pods (M-74) are kept: that of the settings. Without one it is
 * a file in a temporary directory, which goes when the store is closed: everything works, and nothing of it outlives the process.
 */
export function openFacadeStore(place: StoreLocation | undefined, work: ObjectWork, logger: Logger): Store {
  if (place !== undefined) return openStore(place, work);
  const directory = mkdtempSync(join(tmpdir(), "odin-api-"));
  const store = openStore(join(directory, "store.db"), work);
  logger.info({}, "there is no store: what the Clockwork and MLBench APIs keep lasts until this process ends");
  return {
    ...store,
    async close() {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
