import { createHash } from "node:crypto";
import type { Task } from "../../crds/generated/types.ts";
import type { Paths } from "../../crds/run-paths.ts";
import { canonicalJson } from "../../crds/snapshot.ts";
import type { Logger } from "../../kube/logger.ts";
import type { CacheAnswer } from "../decide/caching.ts";
import type { Plan } from "../decide/run.ts";
import type { SharedVolume } from "../kinds/pod-volumes.ts";
import { readEntry, writeEntry } from "./entry.ts";
import { Hasher } from "./hasher.ts";
import { seesVolumeAt } from "./volume-view.ts";

/** A task that is about to start, with its texts filled in. */
export interface Candidate {
  /** Key of the run in the caches, its UID and its name. */
  key: string;
  uid: string;
  run: string;
  plan: Plan;
  task: Task;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  inputs: readonly string[];
}

export interface TaskCacheOptions {
  shared: SharedVolume;
  paths: Paths;
  logger: Logger;
  /** A question about a task of this run is answered; the run should be looked at again. */
  onAnswer: (key: string) => void;
}

/**
 * Remembers on the shared volume what tasks with outputs left, so that the same task need not run again while that is still there (O-200 – O-202).
 * Questions are answered in the background; whatever goes wrong is a miss, never a failure.
 */
export class TaskCache {
  readonly #options: TaskCacheOptions;
  readonly #hasher: Hasher;
  /** By run, then task: the answer, or undefined while it is sought. */
  readonly #answers = new Map<string, Map<string, CacheAnswer | undefined>>();
  /** By run: tasks whose outputs are remembered, or are being so. */
  readonly #stored = new Map<string, Set<string>>();

  constructor(options: TaskCacheOptions) {
    this.#options = options;
    this.#hasher = new Hasher(options.shared.path);
  }

  /** What is known about the tasks of a run. */
  answers(uid: string): ReadonlyMap<string, CacheAnswer> {
    const known = new Map<string, CacheAnswer>();
    for (const [task, answer] of this.#answers.get(uid) ?? []) if (answer !== undefined) known.set(task, answer);
    return known;
  }

  /** Seeks the answer for a task; asked again, it does nothing. */
  ask(candidate: Candidate): void {
    const { uid, key, task } = candidate;
    let answers = this.#answers.get(uid);
    if (answers === undefined) {
      answers = new Map();
      this.#answers.set(uid, answers);
    }
    if (answers.has(task.name)) return;
    answers.set(task.name, undefined);
    this.#lookUp(candidate)
      .catch((error: unknown): CacheAnswer => {
        this.#options.logger.debug({ run: candidate.run, task: task.name, cause: String(error) }, "not cached");
        return { kind: "miss" };
      })
      .then((answer) => {
        if (this.#answers.get(uid) !== answers) return;
        answers.set(task.name, answer);
        this.#options.onAnswer(key);
      });
  }

  /** Remembers what a task left that has just succeeded; `key` is the one that it was started with. */
  store({ uid, run, task }: { uid: string; run: string; task: Task }, key: string, result: string | undefined): void {
    const stored = this.#stored.get(uid) ?? new Set();
    if (stored.has(task.name)) return;
    this.#stored.set(uid, stored.add(task.name));
    const write = async (): Promise<void> => {
      const outputs = await this.#outputsOf(task);
      const entry = { outputs, run, task: task.name, ...(result === undefined ? {} : { result }) };
      await writeEntry(this.#options.paths.data, key, entry);
    };
    write().catch((error: unknown) => {
      this.#options.logger.info({ run, task: task.name, cause: String(error) }, "outputs not remembered");
    });
  }

  /** Drops what is known about a run that has ended or is gone. */
  forget(uid: string): void {
    this.#stored.delete(uid);
    this.#answers.delete(uid);
  }

  async stop(): Promise<void> {
    await this.#hasher.stop();
  }

  async #lookUp(candidate: Candidate): Promise<CacheAnswer> {
    const { task, run, plan, inputs } = candidate;
    const { shared, paths } = this.#options;
    const all = [...inputs, ...Object.values(task.outputs ?? {}).flatMap(pathsIn)];
    if (!all.every((path) => seesVolumeAt(path, { task, run, plan, paths, shared }))) return { kind: "miss" };
    const contents: string[] = [];
    for (const path of inputs) contents.push(await this.#hasher.hash(path));
    const key = keyOf(candidate, contents);
    const entry = await readEntry(paths.data, key);
    if (entry === undefined) return { kind: "miss", key };
    // An output that is gone or was changed is no reason not to remember the new ones.
    const outputs = await this.#outputsOf(task).catch(() => undefined);
    if (outputs === undefined || canonicalJson(outputs) !== canonicalJson(entry.outputs)) return { kind: "miss", key };
    return { kind: "hit", ...(entry.result === undefined ? {} : { result: entry.result }) };
  }

  /** Content of each output, by name and path. */
  async #outputsOf(task: Task): Promise<Record<string, Record<string, string>>> {
    const outputs: Record<string, Record<string, string>> = {};
    for (const [name, text] of Object.entries(task.outputs ?? {})) {
      const hashes: Record<string, string> = {};
      for (const path of pathsIn(text)) hashes[path] = await this.#hasher.hash(path);
      outputs[name] = hashes;
    }
    return outputs;
  }
}

/** Several paths of one output are separated by blanks (O-140). */
function pathsIn(text: string): string[] {
  return text.split(/\s+/).filter((path) => path !== "");
}

/**
 * The key of a task (O-200): command, arguments with everything filled in, image and content of the inputs; also what else decides on the outputs, the
 * environment and where they are to be written.
 */
function keyOf({ task, args, env }: Candidate, contents: readonly string[]): string {
  const said = { command: task.command, args, env, image: task.image, inputs: contents, outputs: task.outputs ?? {} };
  return createHash("sha256").update(canonicalJson(said)).digest("hex");
}
