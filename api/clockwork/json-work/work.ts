import { canonicalJson, JsonTextProblem } from "../../../store/json-text.ts";
import { type Applied, type ChangeRequest, changeObject } from "../../../store/object-change.ts";
import { type BodyProblem, type BodyText, type RequestBody, readBody } from "./body-text.ts";

/** Work on what users have sent that takes time: what is to be done, as a message can hold it. */
export type JsonTask =
  | { kind: "body"; body: BodyText }
  | { kind: "canonical"; text: string }
  | { kind: "change"; request: ChangeRequest };

/** The result of each kind of work. */
export interface JsonResults {
  body: RequestBody | BodyProblem;
  /** `canonicalJson`, or why the text is none. */
  canonical: { json: string } | { problem: string };
  change: Applied;
}

/** Does it, wherever it is called. */
export async function doJsonTask(task: JsonTask): Promise<JsonResults[JsonTask["kind"]]> {
  switch (task.kind) {
    case "body":
      return await readBody(task.body);
    case "canonical":
      return canonical(task.text);
    case "change":
      return changeObject(task.request);
  }
}

function canonical(text: string): JsonResults["canonical"] {
  try {
    return { json: canonicalJson(text) };
  } catch (error) {
    if (!(error instanceof JsonTextProblem)) throw error;
    return { problem: error.message };
  }
}
