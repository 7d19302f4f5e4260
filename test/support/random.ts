/** A source of random values that gives the same ones for the same seed, so that a failure can be repeated. */
export interface RandomSource {
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number;
  pick<T>(items: readonly T[]): T;
  /** A text of `min` to `max` characters out of `alphabet`. */
  text(alphabet: string, min: number, max: number): string;
}

/** Mulberry32: small, and good enough to vary test inputs. */
export function randomSource(seed: number): RandomSource {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  const pick = <T>(items: readonly T[]): T => {
    const item = items[integer(0, items.length - 1)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
  return {
    integer,
    pick,
    text: (alphabet, min, max) => {
      const characters = [...alphabet];
      return Array.from({ length: integer(min, max) }, () => pick(characters)).join("");
    },
  };
}
