import { once } from "node:events";
import { fstatSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";

/** The pipe by which a test process learns that its runner is gone. */
const LIFE_DESCRIPTOR = 3;
const THREAD = new URL(
  "data:text/javascript,import { parentPort } from 'node:worker_threads'; parentPort.postMessage('up');",
);

const threads = suite("threads of a test process");

threads("a thread that ends leaves the descriptor of the runner's pipe to the process", async () => {
  const before = fstatSync(LIFE_DESCRIPTOR).ino;
  for (const isEnded of [false, true]) {
    const worker = new Worker(THREAD);
    // Asked for before the message: on a slow machine both come in one turn.
    const exit = once(worker, "exit");
    await once(worker, "message");
    if (isEnded) await worker.terminate();
    await exit;
    assert.is(fstatSync(LIFE_DESCRIPTOR).ino, before);
  }
});
threads.run();
