import type { Stored } from "./stored.ts";

/** Which objects a list or watch is about. */
export type Selector = (object: Stored) => boolean;

/** Reads `labelSelector` (`a=b,c!=d,e,!f`) and `fieldSelector` (`type=Warning,metadata.name=x`); throws for what the simulation does not know. */
export function selectorOf(labels: string | null, fields: string | null): Selector {
  const tests = [...termsOf(labels).map((term) => labelTest(term)), ...termsOf(fields).map((term) => fieldTest(term))];
  return (object) => tests.every((test) => test(object));
}

function termsOf(text: string | null): string[] {
  return (text ?? "").split(",").filter((term) => term !== "");
}

function labelTest(term: string): Selector {
  const parts = /^(!?)([\w./-]+)(?:(==?|!=)([\w.-]*))?$/.exec(term);
  if (parts === null) throw new Error(`the simulation cannot read the label selector ${term}`);
  const [, not, name = "", operator, value] = parts;
  return ({ metadata: { labels } }) => {
    const have = labels?.[name];
    if (operator === undefined) return not === "!" ? have === undefined : have !== undefined;
    return operator === "!=" ? have !== value : have === value;
  };
}

function fieldTest(term: string): Selector {
  const parts = /^([\w.]+)(==?|!=)([\w.-]*)$/.exec(term);
  if (parts === null) throw new Error(`the simulation cannot read the field selector ${term}`);
  const [, path = "", operator, value] = parts;
  return (object) => {
    let have: unknown = object;
    for (const key of path.split(".")) have = (have as Record<string, unknown> | undefined)?.[key];
    return operator === "!=" ? String(have ?? "") !== value : String(have ?? "") === value;
  };
}
