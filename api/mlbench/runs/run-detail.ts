import { Readable } from "node:stream";
import type { NumberedLine } from "../../../store/mlbench-output.ts";
import { type OutputStream, STREAMS } from "./managed-run.ts";
import type { RunObject } from "./run-object.ts";

/** Where the lines of a run are read (M-36). */
export interface OutputLines {
  lines(run: number, stream: OutputStream): AsyncGenerator<NumberedLine>;
}

/** Characters that are collected before they are sent on. */
const PIECE = 64 * 1024;

/**
 * The detail of a run as JSON text (M-35, M-36): the lines of its output, then `more`. It is never in memory as a whole: there may be a gigabyte of
 * lines. Reads the first ones before it returns, so that a store that does not answer rejects while there is no answer yet.
 */
export async function detailText(
  run: RunObject,
  output: OutputLines,
  more: Readonly<Record<string, unknown>>,
): Promise<Readable> {
  const pieces = piecesOf(run, output, more);
  const first = await pieces.next();
  const all = async function* (): AsyncGenerator<string> {
    if (!first.done) yield first.value;
    yield* pieces;
  };
  return Readable.from(all());
}

async function* piecesOf(
  { num_workers, job_metadata: _, ...head }: RunObject,
  output: OutputLines,
  more: Readonly<Record<string, unknown>>,
): AsyncGenerator<string> {
  let text = `${JSON.stringify(head).slice(0, -1)},"job_metadata":{`;
  for (const stream of STREAMS) {
    text += `${stream === STREAMS[0] ? "" : ","}"${stream}":[`;
    let separator = "";
    for await (const line of output.lines(head.id, stream)) {
      text += separator + JSON.stringify(line.text);
      separator = ",";
      if (text.length < PIECE) continue;
      yield text;
      text = "";
    }
    text += "]";
  }
  for (const [key, value] of Object.entries(more)) text += `,${JSON.stringify(key)}:${JSON.stringify(value)}`;
  yield `${text}},"num_workers":${num_workers}}`;
}
