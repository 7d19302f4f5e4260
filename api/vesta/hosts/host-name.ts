import { randomBytes } from "node:crypto";
import { cut, withoutSigns } from "./host-text.ts";

/** Longest name that a machine registers under, in characters, before anything is appended to it (V-26). */
const MAX_CHARACTERS = 128;

/** The name that a machine gets that calls itself so, and the one under which a node is found too (V-9, V-26). */
export function sanitisedName(name: string): string {
  return cut(withoutSigns(name), MAX_CHARACTERS);
}

/** What a machine is called whose name is taken (V-26): 32 random bits make it another. */
export function otherName(name: string): string {
  return `${name}_${randomBytes(4).toString("hex")}`;
}

/** A new id of a machine: 128 random bits, as hexadecimal digits without leading zeros (V-24). */
export function newHostId(): string {
  return BigInt(`0x${randomBytes(16).toString("hex")}`).toString(16);
}

/** The id of the node of that name, which is none that a machine can have. */
export function nodeHostId(node: string): string {
  return `node/${node}`;
}
