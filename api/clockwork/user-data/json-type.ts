import { echoed } from "../clockwork-error.ts";

/** Python's name of the type of a value in canonical JSON (C-56). */
export function pythonTypeOf(json: string): string {
  return `<class '${typeName(json)}'>`;
}

/** The value as an error repeats it: JSON, a string without its quotes, cut (C-56). */
export function shownValue(json: string): string {
  return echoed(json.startsWith('"') ? String(JSON.parse(json)) : json);
}

function typeName(json: string): string {
  switch (json.charAt(0)) {
    case '"':
      return "str";
    case "[":
      return "list";
    case "{":
      return "dict";
    case "t":
    case "f":
      return "bool";
    case "n":
      return "NoneType";
    default:
      return /[.eE]/.test(json) ? "float" : "int";
  }
}
