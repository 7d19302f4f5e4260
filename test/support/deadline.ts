import { inspect } from "node:util";

/** How an `until` names itself when it gives up. */
export interface UntilOptions<T> {
  /** What is waited for, for the message. */
  describe: string;
  /** Whether the value is the awaited one; by default whether it is truthy. */
  accept?: (value: T) => boolean;
  /** Time between two looks. */
  everyMs?: number;
}

class Expired extends Error {}

const EVERY_MS = 50;
const SHOWN_CHARACTERS = 2_000;

/**
 * The result of `action`, or a rejection after `ms` milliseconds: the hanging test fails and the suite goes on. The
 * signal that the action is given fires then, so that what it waits for can be let go.
 */
export async function within<T>(ms: number, action: (signal: AbortSignal) => Promise<T> | T): Promise<T> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Expired(`not finished within ${ms} ms`);
      abort.abort(error);
      reject(error);
    }, ms);
  });
  try {
    return await Promise.race([action(abort.signal), expired]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Looks again and again until the value is the awaited one, and returns it. After `ms` milliseconds it throws an error
 * that shows the value last seen, or the error last thrown: a look that throws counts as not yet.
 */
export async function until<T>(look: () => Promise<T> | T, ms: number, options: UntilOptions<T>): Promise<T> {
  const accept = options.accept ?? Boolean;
  const deadline = performance.now() + ms;
  let last = "nothing, the first look has not returned";
  while (true) {
    const left = deadline - performance.now();
    try {
      const value = await within(Math.max(1, left), look);
      if (accept(value)) return value;
      last = inspect(value, { depth: 6, breakLength: 120 });
    } catch (error) {
      if (!(error instanceof Expired)) last = `error: ${error instanceof Error ? error.message : inspect(error)}`;
    }
    if (performance.now() >= deadline) break;
    await new Promise((done) => setTimeout(done, Math.min(options.everyMs ?? EVERY_MS, Math.max(1, left))));
  }
  throw new Error(`not within ${ms} ms: ${options.describe}; last seen: ${last.slice(0, SHOWN_CHARACTERS)}`);
}
