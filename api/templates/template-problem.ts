import { TextProblem } from "../../crds/problem.ts";

/** Where something stands in a template; both from 1. */
export interface Place {
  line: number;
  column: number;
}

/** Why a template cannot be rendered, with the place in it: for the user who wrote it (O-154). */
export class TemplateProblem extends TextProblem {
  constructor(place: Place, detail: string) {
    super(`line ${place.line}, column ${place.column}: ${detail}`);
  }
}
