/** Plays schedules like the main program, with a mistake of `mutations.ts` planted in the product: the first argument is its name. */
import { register } from "node:module";
import { MUTATIONS } from "./mutations.ts";

const [name = "", ...rest] = process.argv.slice(2);
const mutation = MUTATIONS[name];
if (mutation === undefined)
  throw new Error(`unknown mutation "${name}"; there are ${Object.keys(MUTATIONS).join(", ")}`);
register("./mutation-hooks.js", import.meta.url, { data: mutation });
process.argv.splice(2, process.argv.length, ...rest);
await import("./main.js");
