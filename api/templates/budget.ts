import { type Place, TemplateProblem } from "./template-problem.ts";

/** Most that one template may put out, in bytes (O-154). */
export const MAX_OUTPUT_BYTES = 1024 * 1024;
/** Most steps that rendering one template may take (O-154). */
export const MAX_STEPS = 100_000;
/** Characters that are handled in one step. */
const CHARACTERS_PER_STEP = 100;

/** What rendering has used up. It counts work, not time: a template always ends the same way. */
export class Budget {
  #steps = 0;
  #bytes = 0;

  /** Counts work: each node of the tree, each element that is looked at, each hundred characters. */
  step(place: Place, characters = 0): void {
    this.#steps += 1 + Math.floor(characters / CHARACTERS_PER_STEP);
    if (this.#steps > MAX_STEPS) throw new TemplateProblem(place, `the template takes more than ${MAX_STEPS} steps`);
  }

  /** Counts output. */
  output(place: Place, text: string): void {
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > MAX_OUTPUT_BYTES)
      throw new TemplateProblem(place, `the template puts out more than ${MAX_OUTPUT_BYTES} bytes`);
  }

  /** Refuses a text between two steps that is longer than all of the output may be. */
  length(place: Place, characters: number): void {
    if (characters > MAX_OUTPUT_BYTES)
      throw new TemplateProblem(place, `a text would have more than ${MAX_OUTPUT_BYTES} characters`);
    this.step(place, characters);
  }
}
