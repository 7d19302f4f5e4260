import { readdir, readFile } from "node:fs/promises";
import { until } from "./deadline.ts";

const WAIT_MS = 60_000;
/** The kernel's letters for what is stopped, and for what has ended and waits for its parent, which may be stopped, to hear of it. */
const STILL: ReadonlySet<string> = new Set(["T", "Z"]);

/** Stops a process (SIGSTOP) and waits until all its threads stand still: on a busy machine some go on for a moment, and answer. */
export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await until(() => statesOf(pid), WAIT_MS, {
    describe: `process ${pid} stands still`,
    accept: (states) => states.every((state) => STILL.has(state)),
    everyMs: 5,
  });
}

/** The state of each thread, as /proc has it; what has ended meanwhile is not among them. */
async function statesOf(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const texts = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, "utf8").catch(() => "")),
  );
  // After the name, which is in brackets and may hold anything.
  return texts.filter(Boolean).map((text) => text.slice(text.lastIndexOf(")") + 2, text.lastIndexOf(")") + 3));
}
