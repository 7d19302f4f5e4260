// Loaded into every test process before the test file (`node --import`). It holds nothing open itself.
import { Socket } from "node:net";
import { isMainThread } from "node:worker_threads";

// stdout and stderr of a test process are two pipes that Node lists among what is open.
const OWN_PIPES = 2;

function describeOpen(): string {
  const counts = new Map<string, number>();
  let pipes = 0;
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind === "PipeWrap" && ++pipes <= OWN_PIPES) continue;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  if (counts.size === 0) return "nothing that Node can name";
  return [...counts].map(([kind, count]) => (count === 1 ? kind : `${kind} ×${count}`)).join(", ");
}

// Threads inherit `--import`. One that opened descriptor 3 as well would close it as it ends, and the next connection of the
// process would get that number and never hear of its data.
if (isMainThread) {
  process.on("SIGUSR2", () => {
    process.stderr.write(`\n# open: ${describeOpen()}\n`);
  });
  endWithRunner();
}

/**
 * Descriptor 3 is a pipe from the runner that carries nothing. It ends when the runner dies, however it dies, and then this
 * process and all it started must not stay behind.
 */
function endWithRunner(): void {
  try {
    const life = new Socket({ fd: 3, readable: true, writable: false });
    life.on("error", () => undefined);
    life.on("close", () => {
      process.kill(-process.pid, "SIGKILL");
    });
    life.resume();
    life.unref();
  } catch {
    // Started by hand, without that pipe.
  }
}
