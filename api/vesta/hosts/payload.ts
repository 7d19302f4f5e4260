import { nestsDeeperThan } from "../../nesting.ts";
import type { Payload } from "./host.ts";
import { hostText } from "./host-text.ts";

/** Largest body that a sender may post (V-27). */
export const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** Most GPUs of one machine (V-27). */
export const MAX_GPUS = 256;
/** Levels of lists and objects in a body: those of the contract are four. */
const MAX_DEPTH = 16;
const SHOWN_CHARACTERS = 60;

/** What a sender has posted, or why it is not taken: `message` names the field. */
export type ReadPayload = { payload: Payload } | { status: 400 | 413; message: string };

/** What is wrong with a body; the message is for its sender. */
class Wrong extends Error {
  readonly status: 400 | 413;

  constructor(message: string, status: 400 | 413 = 400) {
    super(message);
    this.status = status;
  }
}

/** Reads the body of a sender's post (V-27, V-28): all of it is as the contract has it, or nothing is taken. */
export function readPayload(body: Uint8Array): ReadPayload {
  if (body.length > MAX_PAYLOAD_BYTES) return tooLarge;
  try {
    return { payload: gpusOf(parsed(body)) };
  } catch (error) {
    if (error instanceof Wrong) return { status: error.status, message: error.message };
    throw error;
  }
}

/** What a body is told that is longer than it may be. */
export const tooLarge = { status: 413, message: `the body is larger than ${MAX_PAYLOAD_BYTES} bytes` } as const;

function parsed(body: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    if (nestsDeeperThan(text, MAX_DEPTH)) throw new Wrong(`the body nests deeper than ${MAX_DEPTH} levels`);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof Wrong) throw error;
    throw new Wrong("the body is not JSON");
  }
}

type Fields = Readonly<Record<string, unknown>>;

function gpusOf(value: unknown): Payload {
  const gpus = Object.entries(fieldsOf(value, "the body"));
  if (gpus.length > MAX_GPUS) throw new Wrong(`the body has more than ${MAX_GPUS} GPUs`, 413);
  return Object.fromEntries(
    gpus.map(([key, gpu]) => {
      if (!/^gpu:\d{1,9}$/.test(key)) throw new Wrong(`${shown(key)}: the keys of the body are gpu:0, gpu:1 and so on`);
      return [key, gpuOf(fieldsOf(gpu, key), key)];
    }),
  );
}

function gpuOf(gpu: Fields, key: string): Payload[string] {
  const known = {
    device_num: countOf(gpu, "device_num", key),
    uuid: textOf(gpu, "uuid", key),
    gpu_name: textOf(gpu, "gpu_name", key),
    timestamp: textOf(gpu, "timestamp", key),
    temperature: integerOf(gpu, "temperature", key),
    total_memory: countOf(gpu, "total_memory", key),
    available_memory: countOf(gpu, "available_memory", key),
    used_memory: countOf(gpu, "used_memory", key),
    gpu_volatile: countOf(gpu, "gpu_volatile", key),
    processes: processesOf(ownOf(gpu, "processes"), key),
  };
  return { ...withUnknown(gpu, known), ...known };
}

function processesOf(value: unknown, key: string): Payload[string]["processes"] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Wrong(`${key}.processes is not an array`);
  return value.map((entry: unknown, index) => {
    const place = `${key}.processes[${index}]`;
    const process = fieldsOf(entry, place);
    const known = {
      pid: textOf(process, "pid", place),
      name: textOf(process, "name", place),
      user: textOf(process, "user", place),
      used_memory: countOf(process, "used_memory", place),
    };
    return { ...withUnknown(process, known), ...known };
  });
}

/** What the contract does not name is kept as it came (V-28), but for its texts. */
function withUnknown(fields: Fields, known: object): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      hostText(name),
      Object.hasOwn(known, name) ? null : harmless(value),
    ]),
  );
}

/** A value that we do not know, with its texts made harmless; no deeper than the body may be. */
function harmless(value: unknown): unknown {
  if (typeof value === "string") return hostText(value);
  // Larger than any number; JSON has no word for it.
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(harmless);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [hostText(name), harmless(inner)]));
}

function fieldsOf(value: unknown, place: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Wrong(`${place} is not an object`);
  return value as Fields;
}

function ownOf(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function textOf(fields: Fields, name: string, place: string): string {
  const value = present(fields, name, place);
  if (typeof value !== "string") throw new Wrong(`${place}.${name} is not a string`);
  return hostText(value);
}

/** Numeric strings become integers (V-28). */
function integerOf(fields: Fields, name: string, place: string): number {
  const value = present(fields, name, place);
  const number = typeof value === "string" && /^\s*[+-]?\d{1,16}\s*$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(number)) throw new Wrong(`${place}.${name} is not an integer`);
  // Minus zero is a number that prints as another.
  return Number(number) + 0;
}

/** What cannot be less than nothing: bars and columns are drawn from it. */
function countOf(fields: Fields, name: string, place: string): number {
  const value = integerOf(fields, name, place);
  if (value < 0) throw new Wrong(`${place}.${name} is below 0`);
  return value;
}

function present(fields: Fields, name: string, place: string): unknown {
  const value = ownOf(fields, name);
  if (value === undefined) throw new Wrong(`${place}.${name} is missing`);
  return value;
}

function shown(key: string): string {
  return JSON.stringify(hostText(key).slice(0, SHOWN_CHARACTERS));
}
