/**
 * The process of the embedded database. Its calls block, its disk may hang and its native code may fail: none of that may reach the engine, so it
 * has a process of its own, which ends when the one that it serves does.
 */
import { EmbeddedFile } from "./embedded-file.ts";
import type { Reply, Request } from "./embedded-messages.ts";
import { StoreProblem } from "./store-problem.ts";

const file = new EmbeddedFile(process.argv[2] ?? "");
let last: Promise<void> = Promise.resolve();

process.on("message", (request: Request) => {
  // One after the other, in the order in which they were asked for.
  last = last.then(async () => {
    const reply = await answer(request);
    if (process.connected) process.send?.(reply);
  });
});
process.on("disconnect", () => {
  void last.then(() => {
    file.close();
    process.exit(0);
  });
});
// A signal to the whole group is for the other process, which says when this one has nothing more to do.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

async function answer({ id, kind, statements }: Request): Promise<Reply> {
  try {
    const [first] = statements;
    if (kind === "read" && first !== undefined) return { id, rows: await file.read(first) };
    if (kind === "tidy") await file.tidy();
    return { id, changed: await file.write(statements) };
  } catch (error) {
    if (error instanceof StoreProblem) return { id, problem: { kind: error.kind, message: error.message } };
    return { id, problem: { kind: "internal", message: error instanceof Error ? error.message : String(error) } };
  }
}
