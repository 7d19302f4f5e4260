import { Gate } from "../gate.ts";

/** Hashes computed at once: each holds one of four worker threads and 32 MiB for 0.2 s. */
const CONCURRENT_HASHES = 2;
const WAITING_HASHES = 64;

/** The one gate through which every password hash of a process goes, at logins and where users are written (O-22). */
export function hashGate(): Gate {
  return new Gate(CONCURRENT_HASHES, WAITING_HASHES);
}
