import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { testVariable } from "./kubectl.ts";

/** As much as tells how the pods of a test came to their ends. */
const COLUMNS = [
  "type",
  "object.metadata.name",
  "object.metadata.resourceVersion",
  "object.status.phase",
  "object.status.reason",
  "object.metadata.deletionTimestamp",
  "object.metadata.deletionGracePeriodSeconds",
  "object.status.containerStatuses[*].state",
];
const MOST_LINES = 500;

/** Follows the pods of a namespace, for the message of a test that fails over what they ended as. */
export class PodStory {
  readonly #lines: string[] = [];
  readonly #child: ChildProcess;

  constructor(namespace: string) {
    const columns = COLUMNS.map((path) => `${path.slice(path.lastIndexOf(".") + 1)}:.${path}`).join();
    const output = ["--output-watch-events", "-o", `custom-columns=${columns}`];
    this.#child = spawn(testVariable("ODIN_TEST_KUBECTL"), ["get", "pods", "-n", namespace, "--watch", ...output], {
      env: { ...process.env, KUBECONFIG: testVariable("KUBECONFIG") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream)
        createInterface(stream).on("line", (line) => this.#lines.length < MOST_LINES && this.#lines.push(line));
    this.#child.on("error", (error) => this.#lines.push(String(error)));
  }

  /** What was seen so far, a line for each version of each pod. */
  get text(): string {
    return this.#lines.join("\n");
  }

  end(): void {
    this.#child.kill();
  }
}
