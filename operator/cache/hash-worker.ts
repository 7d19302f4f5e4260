/** Runs in a thread of its own, so that hashing gigabytes delays no decision: takes `{ id, path, volume }`, answers `{ id, hash }` or `{ id, error }`. */
import { parentPort } from "node:worker_threads";
import { contentHash } from "./content-hash.ts";

export interface HashRequest {
  id: number;
  path: string;
  volume: string;
}

export type HashReply = { id: number; hash: string } | { id: number; error: string };

parentPort?.on("message", ({ id, path, volume }: HashRequest) => {
  const reply = (message: HashReply): void => parentPort?.postMessage(message);
  contentHash(path, volume).then(
    (hash) => reply({ id, hash }),
    (error: unknown) => reply({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});
