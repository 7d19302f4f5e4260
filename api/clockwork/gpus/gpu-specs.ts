import type { Logger } from "../../../kube/logger.ts";
import { readGpuFile } from "./gpu-file.ts";
import type { GpuRow, GpuSpec } from "./gpu-spec.ts";
import { GPU_TABLE } from "./gpu-table.ts";

/** How often the file is looked at: Kubernetes itself needs longer to bring a changed ConfigMap to a pod. */
const LOOK_MS = 10_000;

/** The specifications of GPUs, from the built-in table or from a file in its place, which is read again when it changes (C-65 to C-67). */
export class GpuSpecs {
  readonly #logger: Logger;
  #rows: ReadonlyMap<string, GpuSpec>;
  #text: string;
  #timer: NodeJS.Timeout | undefined;
  #problem = "";

  private constructor(rows: readonly GpuRow[], logger: Logger) {
    this.#logger = logger;
    this.#rows = byName(rows);
    this.#text = JSON.stringify(rows);
  }

  /** Rejects with a `SettingProblem` if there is a file and it is not good. */
  static async open(file: string | undefined, logger: Logger, everyMs = LOOK_MS): Promise<GpuSpecs> {
    const specs = new GpuSpecs(file === undefined ? GPU_TABLE : await readGpuFile(file), logger);
    if (file !== undefined) {
      specs.#timer = setInterval(() => void specs.#look(file), everyMs);
      specs.#timer.unref();
    }
    return specs;
  }

  /** The specification under that `cw_name`, exactly. */
  of(cwName: string): GpuSpec | undefined {
    return this.#rows.get(cwName);
  }

  /** All of them, in their order. */
  list(): Iterable<GpuSpec> {
    return this.#rows.values();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Read whole and compared: Kubernetes replaces mounted files behind symbolic links. While it is not good the old table stays. */
  async #look(file: string): Promise<void> {
    try {
      const rows = await readGpuFile(file);
      if (this.#problem !== "") this.#logger.info({ file }, "the table of GPUs is good again");
      this.#problem = "";
      const text = JSON.stringify(rows);
      if (text === this.#text) return;
      this.#rows = byName(rows);
      this.#text = text;
      this.#logger.info({ file, models: rows.length }, "the table of GPUs has been read again");
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem)
        this.#logger.warn({ problem }, "the table of GPUs cannot be used; the old one stays");
      this.#problem = problem;
    }
  }
}

function byName(rows: readonly GpuRow[]): ReadonlyMap<string, GpuSpec> {
  return new Map(rows.map(({ cw_name, ...spec }) => [cw_name, spec]));
}
