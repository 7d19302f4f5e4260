import { templateProblem } from "./command.ts";

/** An image that runs may name by its key (M-45). */
export interface BenchmarkImage {
  /** What is started in the workers; see `command.ts` for its placeholders. */
  command: string;
  /** Whether `gpu_enabled` means anything for it. */
  gpu: boolean;
}

/** Images by their key, which is also the reference that is pulled; in the order in which they are listed. */
export type ImageTable = ReadonlyMap<string, BenchmarkImage>;

const COMMAND = "/conda/bin/python /codes/main.py --run_id {run_id} --rank {rank} --hosts {hosts} --backend {backend}";

function benchmark(name: string, gpu = true): [string, BenchmarkImage] {
  return [`mlbench/${name}:latest`, { command: COMMAND, gpu }];
}

/** The images of the MLBench project. */
export const BENCHMARK_IMAGES: ImageTable = new Map([
  benchmark("pytorch-cifar10-resnet20-all-reduce"),
  benchmark("pytorch-cifar10-resnet20-ddp"),
  benchmark("pytorch-epsilon-logistic-regression-all-reduce"),
  benchmark("pytorch-wikitext2-lstm-all-reduce"),
  benchmark("pytorch-wmt16-gnmt-all-reduce"),
  benchmark("pytorch-wmt17-transformer-all-reduce"),
  benchmark("tensorflow-cifar10-resnet", false),
  benchmark("pytorch-backend-benchmark"),
]);

/**
 * Reads a table given in place of that one: a JSON object of `{"<image>": {"command": "<template>", "gpu": false}}`, or of `"<image>": "<template>"`
 * for one with GPU support. Throws an Error whose message says what is wrong.
 */
export function parseImageTable(text: string): ImageTable {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON; give an object such as {"image:tag": {"command": "/run {hosts}", "gpu": false}}');
  }
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new Error("it is no JSON object");
  const table = new Map(Object.entries(given).map(([key, value]) => [key, imageOf(key, value)]));
  if (table.size === 0) throw new Error("it names no image");
  return table;
}

function imageOf(key: string, value: unknown): BenchmarkImage {
  if (!/^\S+$/.test(key)) throw new Error(`${JSON.stringify(key)} is no image: give a reference without blanks`);
  const {
    command,
    gpu = true,
    ...others
  } = (
    typeof value === "string" ? { command: value } : typeof value === "object" && value !== null ? value : {}
  ) as Record<string, unknown>;
  const problem = typeof command === "string" && command !== "" ? templateProblem(command) : "has to be a text";
  if (problem !== undefined || typeof command !== "string") throw new Error(`"command" of "${key}" ${problem}`);
  if (typeof gpu !== "boolean") throw new Error(`"gpu" of "${key}" has to be true or false`);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new Error(`"${key}" has "${unknown}", which means nothing; give "command" and "gpu"`);
  return { command, gpu };
}
