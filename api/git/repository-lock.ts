import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { link, readFile, rename, rm, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError, retryAfter } from "../errors.ts";
import { isAbsence, systemCode } from "./contained.ts";

/** Who holds a lock. Processes of one host and one PID namespace can see each other; of others only the heartbeat is seen. */
interface Holder {
  nonce: string;
  place: string;
  pid: number;
  startTime: string;
}

/** How often the holder touches the file. */
const HEARTBEAT_MS = 3_000;
/** A holder that cannot be seen counts as gone after so long without a heartbeat, by the waiter's own clock. */
const SILENCE_MS = 20_000;
const LOOK_EVERY_MS = 40;

/**
 * Exclusive use of a repository among all processes that share its file system: a file that exists while one of them works. It names its holder
 * by process id and start time, so that the lock of a process that was killed is taken over at once by another on the same host, and after 20 s
 * without a heartbeat by one elsewhere. One process must not take the same lock twice.
 */
export class RepositoryLock {
  readonly #path: string;
  #mine: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Runs `work` while this process holds the lock; a 503 if it cannot be had in time. */
  async with<T>(waitMs: number, work: () => Promise<T>): Promise<T> {
    const nonce = await this.#acquire(waitMs);
    this.#mine = nonce;
    const beat = setInterval(() => {
      const now = new Date();
      utimes(this.#path, now, now).catch(() => undefined);
    }, HEARTBEAT_MS);
    beat.unref();
    try {
      return await work();
    } finally {
      clearInterval(beat);
      this.#mine = undefined;
      if ((await readHolder(this.#path))?.nonce === nonce) await rm(this.#path, { force: true });
    }
  }

  /** Throws if another process took the lock over: this one was stopped for so long that it counted as gone. */
  async assertHeld(): Promise<void> {
    if (this.#mine === undefined || (await readHolder(this.#path))?.nonce !== this.#mine) throw busy();
  }

  async #acquire(waitMs: number): Promise<string> {
    const nonce = randomUUID();
    const giveUpAt = performance.now() + waitMs;
    let seen = "";
    let seenAt = performance.now();
    while (!(await this.#tryCreate(nonce))) {
      const holder = await readHolder(this.#path);
      const beat = `${holder?.nonce}/${await modifiedAt(this.#path)}`;
      if (beat !== seen) {
        seen = beat;
        seenAt = performance.now();
      }
      const silent = performance.now() - seenAt > SILENCE_MS;
      if (silent || (holder !== undefined && isGone(holder))) {
        await this.#break(holder);
        continue;
      }
      if (performance.now() > giveUpAt) throw busy();
      await delay(LOOK_EVERY_MS);
    }
    return nonce;
  }

  /** The file appears with its content: no one ever reads half a holder. */
  async #tryCreate(nonce: string): Promise<boolean> {
    const draft = `${this.#path}-${nonce}`;
    const holder: Holder = { nonce, place: place(), pid: process.pid, startTime: startTimeOf(process.pid) ?? "" };
    try {
      await writeFile(draft, JSON.stringify(holder), { flag: "wx" });
      await link(draft, this.#path);
      return true;
    } catch (error) {
      if (systemCode(error) === "EEXIST") return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Two waiters may judge the same holder gone; the second must not remove the lock that the first has taken since. */
  async #break(judged: Holder | undefined): Promise<void> {
    const aside = `${this.#path}-${randomUUID()}`;
    try {
      await rename(this.#path, aside);
      const moved = await readHolder(aside);
      if (moved?.nonce !== judged?.nonce) await link(aside, this.#path);
    } catch (error) {
      if (!isAbsence(error) && systemCode(error) !== "EEXIST") throw error;
    } finally {
      await unlink(aside).catch(() => undefined);
    }
  }
}

function busy(): ApiError {
  return new ApiError("Busy", "the jobs repository is being changed by another server; try again in a moment", {
    headers: retryAfter(5),
  });
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Holder;
  } catch (error) {
    if (error instanceof SyntaxError || isAbsence(error)) return undefined;
    throw error;
  }
}

async function modifiedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isAbsence(error)) return 0;
    throw error;
  }
}

function isGone(holder: Holder): boolean {
  return holder.place === place() && startTimeOf(holder.pid) !== holder.startTime;
}

let placeRead: string | undefined;

/** Where process ids mean what they mean here: this boot of this host, in this PID namespace. */
function place(): string {
  placeRead ??= `${hostname()}/${readSystem("/proc/sys/kernel/random/boot_id")}/${pidNamespace()}`;
  return placeRead;
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

/** Clock ticks after boot at which a process began; undefined if there is none, or only its zombie. */
function startTimeOf(pid: number): string | undefined {
  const text = readSystem(`/proc/${pid}/stat`);
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function readSystem(path: string): string {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    return "";
  }
}
