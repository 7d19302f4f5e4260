import type { OwnedEntry } from "../../../store/mlbench-metrics.ts";
import { ExpositionReader, type Sample } from "../../gpu/exposition.ts";
import type { Moment } from "../dates.ts";
import type { CollectedPod } from "./collected-pod.ts";

/** Longest name that a metric may have (M-74). */
const MAX_NAME = 50;
/** Samples that are kept of one node's answer. */
const MAX_SAMPLES = 50_000;

/** Reads what cAdvisor tells of the first containers of pods (M-63), piece by piece. */
export class CadvisorReader {
  readonly entries: OwnedEntry[] = [];
  readonly #reader: ExpositionReader;
  readonly #decoder = new TextDecoder();

  /** `date`: of every entry. */
  constructor(pods: readonly CollectedPod[], date: Moment) {
    const uids = new Map(pods.map(({ uid, namespace, name, container }) => [keyOf(namespace, name, container), uid]));
    const add = ({ name, labels, value }: Sample): void => {
      const uid = uids.get(keyOf(labels.get("namespace"), labels.get("pod"), labels.get("container")));
      if (uid === undefined || this.entries.length >= MAX_SAMPLES) return;
      this.entries.push({
        ...{ owner: `pod:${uid}`, name, date, value: String(value) },
        metadata: JSON.stringify(Object.fromEntries(labels)),
        cumulative: name.endsWith("_total"),
      });
    };
    this.#reader = new ExpositionReader((name) => name.length <= MAX_NAME, add);
  }

  push(piece: Buffer): void {
    this.#reader.push(this.#decoder.decode(piece, { stream: true }));
  }

  /** Everything has come. */
  end(): void {
    this.#reader.push(this.#decoder.decode());
    this.#reader.end();
  }
}

function keyOf(...parts: (string | undefined)[]): string {
  return parts.join("/");
}
