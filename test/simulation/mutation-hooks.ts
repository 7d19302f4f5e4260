import { fileURLToPath } from "node:url";
import type { Mutation } from "./mutations.ts";

interface Loaded {
  format: string;
  source?: string | Buffer | Uint8Array;
  shortCircuit?: boolean;
}

let planted: Mutation | undefined;

/** Takes the mutation to plant, from `register`. */
export function initialize(mutation: Mutation): void {
  planted = mutation;
}

/** Hands out a module's source, with the mistake in it where it is the one. */
export async function load(
  url: string,
  context: object,
  next: (url: string, context: object) => Promise<Loaded>,
): Promise<Loaded> {
  const loaded = await next(url, context);
  if (planted === undefined || !url.startsWith("file:") || !fileURLToPath(url).endsWith(`/dist/${planted.file}`))
    return loaded;
  const source = String(loaded.source);
  if (source.split(planted.find).length !== 2)
    throw new Error(
      `${planted.file} does not hold ${JSON.stringify(planted.find)} exactly once: give the mutation its new text`,
    );
  return { ...loaded, source: source.replace(planted.find, () => planted?.replace ?? "") };
}
