import { canonicalJson, JsonTextProblem, membersOf } from "../../../store/json-text.ts";
import { formFields, multipartFields } from "./form.ts";

/**
 * What a route reads:
 * - `json`: an object, in a body that is declared to be JSON; anything else is refused (C-52);
 * - `fields`: an object in JSON, a form, or the text fields of multipart/form-data; a body of another type is not read (C-45).
 */
export type BodyKind = "json" | "fields";

/** A body, and what of it is wanted. */
export interface BodyText {
  kind: BodyKind;
  /** The header `Content-Type`. */
  type: string;
  bytes: Uint8Array;
  /** Names of the members, or fields, that the route knows; no others are kept. */
  names: readonly string[];
}

/** A body as read: the wanted members of an object in canonical JSON, with all digits of its numbers, or the wanted fields of a form. */
export type RequestBody =
  | { kind: "json"; members: ReadonlyMap<string, string> }
  | { kind: "fields"; fields: ReadonlyMap<string, string> }
  | { kind: "none" };

/** Why a body is refused. */
export type BodyProblem = { kind: "noJson" } | { kind: "noObject" } | { kind: "malformed"; reason: string };

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a body: media type, then syntax (C-8). */
export async function readBody(body: BodyText): Promise<RequestBody | BodyProblem> {
  const type = (body.type.split(";", 1)[0] ?? "").trim().toLowerCase();
  if (type === "application/json" || /^application\/[^\s/]*\+json$/.test(type)) return jsonBody(body);
  if (body.kind === "json") return { kind: "noJson" };
  const { bytes, names } = body;
  if (type === "application/x-www-form-urlencoded") {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    return { kind: "fields", fields: formFields(text, new Set(names)) };
  }
  if (type !== "multipart/form-data") return { kind: "none" };
  const fields = await multipartFields(body.type, bytes, new Set(names));
  return fields === undefined ? { kind: "none" } : { kind: "fields", fields };
}

function jsonBody({ bytes, names }: BodyText): RequestBody | BodyProblem {
  try {
    const json = canonicalJson(UTF8.decode(bytes));
    if (!json.startsWith("{")) return { kind: "noObject" };
    const members = membersOf(json);
    const wanted = names.flatMap((name): [string, string][] => {
      const value = members.get(name);
      return value === undefined ? [] : [[name, value]];
    });
    return { kind: "json", members: new Map(wanted) };
  } catch (error) {
    // What is not UTF-8 is a TypeError of the decoder.
    if (!(error instanceof JsonTextProblem || error instanceof TypeError)) throw error;
    return { kind: "malformed", reason: error.message };
  }
}
