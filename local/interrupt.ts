import { Interrupted, LocalError, messageOf } from "./local-error.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Runs a command's main function with a signal that fires on Ctrl-C (SIGTERM, SIGHUP), waits for it to undo what it
 * began, and ends the process with the customary status. A failure is shown as its message alone; only an unexpected one
 * shows its stack.
 */
export async function runInterruptibly(main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let status = 0;
  const handlers = Object.entries(SIGNALS).map(([name, code]) => {
    const handler = () => {
      if (status === 0) status = code;
      controller.abort();
    };
    process.on(name, handler);
    return { name, handler };
  });
  try {
    await main(controller.signal);
  } catch (error) {
    if (error instanceof Interrupted) process.stderr.write(`${error.message}\n`);
    else if (error instanceof LocalError) process.stderr.write(`error: ${error.message}\n`);
    else process.stderr.write(`error: ${error instanceof Error ? error.stack : messageOf(error)}\n`);
    if (status === 0) status = 1;
  } finally {
    for (const { name, handler } of handlers) process.off(name, handler);
  }
  // Where nothing went wrong here, the status that the command itself chose stands.
  if (status !== 0) process.exitCode = status;
}
