import { compareRows, type GpuRow } from "./gpu-row.ts";

/** One good scrape of an exporter. */
export interface Reading {
  rows: readonly GpuRow[];
  /** When it ended, on the clock of `performance.now()`. */
  readAt: number;
  /** Whether it is known which pods hold the GPUs; otherwise a row without a holder may be in use (G-37). */
  attributed: boolean;
}

/** A row, and what is known of the scrape that brought it. */
export interface ReadRow extends Omit<Reading, "rows"> {
  row: GpuRow;
}

/**
 * What is known of the GPUs of one node: the last good scrape of each of its exporters. During a rolling update there are
 * two; of a row that both have, the newer is shown (G-30).
 */
export class NodeReadings {
  readonly #readings = new Map<string, Reading>();
  readonly #errors = new Map<string, string>();
  #rows: ReadRow[] | undefined;

  /** Notes a good scrape. Those of exporters that are no longer asked are let go of now that there is a newer one. */
  succeeded(exporter: string, reading: Reading, isAsked: (exporter: string) => boolean): void {
    this.#readings.set(exporter, reading);
    this.#errors.delete(exporter);
    for (const other of this.#readings.keys()) if (!isAsked(other)) this.#readings.delete(other);
    this.#rows = undefined;
  }

  /** Notes a failure; the rows stay as they are (G-34). */
  failed(exporter: string, message: string): void {
    this.#errors.set(exporter, message);
  }

  /** An exporter is no longer asked: its failure says nothing any more, its rows stay until another brings newer ones. */
  forget(exporter: string): void {
    this.#errors.delete(exporter);
  }

  /** Why the last scrape of an exporter failed; undefined: none did. */
  get error(): string | undefined {
    return [...this.#errors.values()][0];
  }

  /** When the newest row was read; undefined: never. */
  get readAt(): number | undefined {
    const times = [...this.#readings.values()].map(({ readAt }) => readAt);
    return times.length === 0 ? undefined : Math.max(...times);
  }

  /** The rows in order (G-18). */
  get rows(): readonly ReadRow[] {
    this.#rows ??= this.#merged();
    return this.#rows;
  }

  #merged(): ReadRow[] {
    const byIdentity = new Map<string, ReadRow>();
    for (const { rows, readAt, attributed } of this.#readings.values()) {
      for (const row of rows) {
        const other = byIdentity.get(row.identity);
        if (other === undefined || other.readAt < readAt) byIdentity.set(row.identity, { row, readAt, attributed });
      }
    }
    return [...byIdentity.values()].sort((a, b) => compareRows(a.row, b.row));
  }
}
