/** Runs in a thread of its own, so that reading what users have written delays no request: answers each `MainFileWork` with a `WorkReply`. */
import { parentPort } from "node:worker_threads";
import { doWork, type MainFileResults, type MainFileWork } from "./work.ts";
import type { WorkReply } from "./worker-pool.ts";

// The parser makes an error object for each of up to a million faults; their stacks would take most of the time, and nobody sees them.
Error.stackTraceLimit = 0;

parentPort?.on("message", (work: MainFileWork) => {
  const reply = (message: WorkReply<MainFileResults[MainFileWork["kind"]]>): void => parentPort?.postMessage(message);
  doWork(work).then(
    (result) => reply({ result }),
    (error: unknown) => reply({ thrown: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
  );
});
