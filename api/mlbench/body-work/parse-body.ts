import { nestsDeeperThan } from "../../nesting.ts";
import { ApplicationError, TransportError } from "../mlbench-error.ts";
import { formFields, multipartFields } from "./form.ts";

/** Levels of nesting that are read. */
const MAX_NESTING = 200;
/** Characters of a media type that an error repeats. */
const SHOWN_TYPE = 200;

/** A body as it came, with the headers that say what it is. */
export interface RawBody {
  type: string;
  encoding: string;
  bytes: Uint8Array;
}

/** What a body says: the fields of an object or a form, or a list. One without bytes is an object without fields. */
export type ParsedBody = Readonly<Record<string, unknown>> | readonly unknown[];

/** Reads a body: media type, then syntax (M-5, M-9). Throws the error of either. */
export async function parseBody({ type, encoding, bytes }: RawBody): Promise<ParsedBody> {
  if (bytes.length === 0) return {};
  const packing = encoding.trim().toLowerCase();
  if (!["", "identity"].includes(packing)) throw unsupported(`${type}; ${packing}`);
  switch ((type.split(";", 1)[0] ?? "").trim().toLowerCase()) {
    case "application/json":
      return parseJson(bytes);
    case "application/x-www-form-urlencoded":
      return formFields(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
    case "multipart/form-data": {
      const fields = await multipartFields(type, bytes);
      if (fields === undefined) {
        throw new TransportError(400, "Multipart form parse error - the body is not what its boundary says");
      }
      return fields;
    }
    default:
      throw unsupported(type);
  }
}

function unsupported(type: string): TransportError {
  return new TransportError(415, `Unsupported media type "${type.slice(0, SHOWN_TYPE)}" in request.`);
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function parseJson(bytes: Uint8Array): ParsedBody {
  let value: unknown;
  try {
    const text = UTF8.decode(bytes);
    if (nestsDeeperThan(text, MAX_NESTING)) throw new Error(`it nests deeper than ${MAX_NESTING} levels`);
    value = JSON.parse(text);
  } catch (error) {
    throw new TransportError(400, `JSON parse error - ${error instanceof Error ? error.message : String(error)}`);
  }
  if (value === null || typeof value !== "object") {
    throw new ApplicationError(400, "The body has to be a JSON object");
  }
  return value as ParsedBody;
}
