/** A thread that does what the tests of the pool want to see happen to one. */
import { parentPort } from "node:worker_threads";

export type Trial = { echo: number } | { fail: string } | { do: "spin" | "exit" | "crash" | "hog" };

parentPort?.on("message", (trial: Trial) => {
  if ("echo" in trial) parentPort?.postMessage({ result: trial.echo });
  else if ("fail" in trial) parentPort?.postMessage({ thrown: trial.fail });
  else if (trial.do === "exit") process.exit(3);
  else if (trial.do === "crash") throw new Error("crashed on purpose");
  else {
    const held: number[][] = [];
    for (;;) if (trial.do === "hog") held.push(new Array<number>(10_000).fill(held.length));
  }
});
