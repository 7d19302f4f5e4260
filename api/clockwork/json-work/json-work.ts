import type { Applied, ChangeRequest, ObjectWork } from "../../../store/object-change.ts";
import { SizedWork } from "../../sized-work.ts";
import type { BodyProblem, BodyText, RequestBody } from "./body-text.ts";
import { doJsonTask, type JsonResults, type JsonTask } from "./work.ts";

/** Reads and merges what users store with jobs without holding up the event loop. Rejects with a `PoolError` where there is no result. */
export class JsonWork implements ObjectWork {
  readonly #work: SizedWork<JsonTask, JsonResults[JsonTask["kind"]]>;

  constructor(options: { threads?: number; deadlineMs?: number } = {}) {
    this.#work = new SizedWork({ script: new URL("./json-worker.js", import.meta.url), work: doJsonTask, ...options });
  }

  /** The wanted parts of a body, or why it is refused. */
  async body(body: BodyText): Promise<RequestBody | BodyProblem> {
    return await this.#do({ kind: "body", body }, body.bytes.length);
  }

  /** `canonicalJson` of a text, or what is wrong with it. */
  async canonical(text: string): Promise<JsonResults["canonical"]> {
    return await this.#do({ kind: "canonical", text }, text.length);
  }

  /** `changeObject`. */
  async change(request: ChangeRequest): Promise<Applied> {
    const { object, changes } = request;
    const brought = changes.reduce(
      (sum, change) => sum + (change.kind === "merge" ? change.updates : change.names).length,
      0,
    );
    return await this.#do({ kind: "change", request }, object.length * changes.length + brought);
  }

  /** Ends the threads; what is still asked for is rejected. */
  async stop(): Promise<void> {
    await this.#work.stop();
  }

  async #do<T extends JsonTask>(task: T, characters: number): Promise<JsonResults[T["kind"]]> {
    // The result is that of the kind that was asked for.
    return (await this.#work.do(task, characters)) as JsonResults[T["kind"]];
  }
}
