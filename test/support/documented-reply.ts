import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { openApiDocument } from "../../api/openapi/document.ts";

/** What a test knows of an answer. */
export interface ReceivedReply {
  status: number;
  headers: { "content-type"?: string | undefined };
  text: string;
}

interface DocumentedOperation {
  responses: Record<string, { content: Record<string, { schema: object }> }>;
}

/** Statuses with which the server refuses what is no documented route, or no request at all. */
const UNROUTED = new Set([400, 404, 405]);

/** Which replies a document describes, and the form of its errors. */
export interface DocumentedFamily {
  /** Its paths. */
  paths: RegExp;
  errors: { type: string; schema: string };
}

const ODIN: DocumentedFamily = { paths: /^\/v1\//, errors: { type: "application/problem+json", schema: "Problem" } };
const DOCUMENT_ID = "odin";

/** Compares answers of a real server with what the OpenAPI document says of them. */
export class DocumentedReplies {
  readonly #ajv: Ajv2020;
  readonly #document: Record<string, unknown>;
  readonly #family: DocumentedFamily;
  readonly #routes: { method: string; path: string; pattern: RegExp; operation: DocumentedOperation }[];

  constructor(document: Record<string, unknown> = openApiDocument(), family = ODIN) {
    this.#document = document;
    this.#family = family;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(document, DOCUMENT_ID);
    const paths = document.paths as Record<string, Record<string, DocumentedOperation>>;
    this.#routes = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        pattern: new RegExp(`^${path.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+")}/?$`),
        operation,
      })),
    );
  }

  /** What is undocumented about the answer to `method target` (path and query); undefined if nothing is. */
  difference(method: string, target: string, reply: ReceivedReply): string | undefined {
    const [path = ""] = target.split("?");
    if (!this.#family.paths.test(path) || method === "HEAD" || method === "OPTIONS") return undefined;
    const route = this.#routes.find((candidate) => candidate.method === method && candidate.pattern.test(path));
    const shown = `${method} ${target} -> ${reply.status}`;
    const type = (reply.headers["content-type"] ?? "").split(";")[0] ?? "";
    if (route === undefined) {
      if (!UNROUTED.has(reply.status)) return `${shown}: no operation of the document is this, yet it was answered`;
      const { errors } = this.#family;
      return this.#mismatch(shown, `#/components/schemas/${errors.schema}`, type, errors.type, reply.text);
    }
    const content = route.operation.responses[reply.status]?.content;
    if (type.endsWith("json") && reply.headers["content-type"] !== `${type}; charset=utf-8`) {
      return `${shown}: ${type} comes without its character set`;
    }
    if (content === undefined) return `${shown}: ${route.path} has no such status in the document: ${reply.text}`;
    if (!(type in content)) return `${shown}: ${type} is none of ${Object.keys(content)}`;
    if (!type.endsWith("json")) return undefined;
    const pointer = ["paths", route.path, method.toLowerCase(), "responses", String(reply.status), "content", type];
    return this.#mismatch(shown, `#/${[...pointer, "schema"].map(escaped).join("/")}`, type, type, reply.text);
  }

  /** What is wrong with a value by a schema of the document; undefined if nothing is. */
  mismatch(schema: object, value: unknown): string | undefined {
    const { components } = this.#document;
    const valid = this.#ajv.validate({ ...schema, components }, value);
    return valid ? undefined : this.#ajv.errorsText();
  }

  #mismatch(shown: string, pointer: string, type: string, expectedType: string, text: string): string | undefined {
    if (type !== expectedType) return `${shown}: the media type is ${type}, not ${expectedType}`;
    const validate = this.#validator(pointer);
    if (validate(JSON.parse(text))) return undefined;
    return `${shown}: ${this.#ajv.errorsText(validate.errors, { dataVar: "reply" })}: ${text.slice(0, 1000)}`;
  }

  #validator(pointer: string): ValidateFunction {
    const validate = this.#ajv.getSchema(`${DOCUMENT_ID}${pointer}`);
    if (validate === undefined) throw new Error(`the document has nothing at ${pointer}`);
    return validate as ValidateFunction;
  }
}

/** A key as part of a JSON pointer in a URI fragment. */
function escaped(key: string): string {
  return encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"));
}
