import { OUTPUT_STREAMS } from "../../../store/mlbench-output.ts";

/** Numbers of what a reader of a run's events has been sent last: of its lines from 1 on, of its metrics in the order of arrival. */
export interface EventPosition {
  stdout: number;
  stderr: number;
  metric: number;
  /** He has been told that the run has ended, too. */
  isEnd: boolean;
}

/** What is numbered. */
export type NumberedEvent = "stdout" | "stderr" | "metric";

const NUMBERED: readonly NumberedEvent[] = [...OUTPUT_STREAMS, "metric"];
const END = "end";

/**
 * The id of an event (M-67): its own stream and number, and then those of the others, because a browser repeats only the last id that it has seen:
 * `stderr:3;stdout:57;metric:120`.
 */
export function eventId(position: EventPosition, own: NumberedEvent | undefined): string {
  const others = NUMBERED.filter((name) => name !== own);
  const parts = (own === undefined ? others : [own, ...others]).map((name) => `${name}:${position[name]}`);
  return [...(position.isEnd ? [END] : []), ...parts].join(";");
}

/** Where a reader goes on that has seen that id; at the beginning for one that is not ours. */
export function positionOf(id: string): EventPosition {
  const position: EventPosition = { stdout: 0, stderr: 0, metric: 0, isEnd: false };
  for (const part of id.slice(0, 200).split(";")) {
    const [, name, number] = /^(stdout|stderr|metric):(\d{1,15})$/.exec(part) ?? [];
    const known = NUMBERED.find((one) => one === name);
    if (known !== undefined) position[known] = Number(number);
    else if (part === END) position.isEnd = true;
  }
  return position;
}
