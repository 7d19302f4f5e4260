import { parentPort } from "node:worker_threads";
import type { WorkReply } from "./main-file/worker-pool.ts";

/** To be called in a thread: answers each task that is sent to it with a `WorkReply`. */
export function serveWork<T, R>(work: (task: T) => Promise<R>): void {
  parentPort?.on("message", (task: T) => {
    const reply = (message: WorkReply<R>): void => parentPort?.postMessage(message);
    work(task).then(
      (result) => reply({ result }),
      (error: unknown) => reply({ thrown: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
    );
  });
}
