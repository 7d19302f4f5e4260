import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { TextProblem } from "./problem.ts";
import { plainType, plainValue, type ScalarType } from "./yaml-scalar.ts";

/** A node with its aliases followed. */
export type YamlNode = Scalar | YAMLMap | YAMLSeq;

/** One key of a mapping. `merged` tells that it came in by `<<`. */
export interface YamlEntry {
  key: Node;
  value: Node | null;
  merged: boolean;
}

/** Largest text that is parsed, in bytes. */
const MAX_YAML_BYTES = 1024 * 1024;
/**
 * Most that a text may be with everything that its aliases repeat, in characters of text plus nodes. A text without aliases never comes near
 * it; for one whose aliases multiply (a "bomb") the sum is found without following any.
 */
const MAX_EXPANDED = 4 * 1024 * 1024;
/** Deepest nesting: more would end in the call stacks of others. */
const MAX_DEPTH = 100;
/** Own words for what the parser says of itself. */
const MESSAGES: Readonly<Record<string, string>> = {
  RESOURCE_EXHAUSTION: "is nested too deeply",
  MULTIPLE_DOCS: "a second document begins; only one is read",
};
/** Tags of YAML's own types that JSON can hold; any other is refused (O-120). */
const TAGS = new Set(
  ["str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge"].map(
    (name) => `tag:yaml.org,2002:${name}`,
  ),
);

/**
 * A YAML text as a tree whose scalars are still text: what a plain `0644` means depends on the key it stands at. Aliases and merge keys are
 * followed while reading. What is wrong with the text is thrown by the constructor, as a `TextProblem` that names line and column; a text that
 * it takes is small and shallow enough to be read whole, with everything that its aliases repeat.
 */
export class YamlText {
  readonly source: string;
  readonly document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #targets: Map<Alias, Node>;

  constructor(source: string) {
    const bytes = Buffer.byteLength(source);
    if (bytes > MAX_YAML_BYTES) throw new TextProblem(`has ${bytes} bytes; the most is ${MAX_YAML_BYTES}`);
    this.source = source;
    this.#lines = new LineCounter();
    this.document = parseDocument(source, {
      version: "1.1",
      schema: "failsafe",
      merge: false,
      // Of duplicate keys the last wins (O-120).
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "error",
      lineCounter: this.#lines,
      // For those who edit the text.
      keepSourceTokens: true,
    });
    const [error] = this.document.errors;
    if (error !== undefined) {
      throw new TextProblem(`${this.#place(error.pos[0])}: ${MESSAGES[error.code] ?? error.message}`);
    }
    this.#targets = this.#checked();
  }

  /** What the text is about: its only document; null for an empty text. */
  get root(): Node | null {
    return this.document.contents;
  }

  /** Where a node starts, as `line 3, column 7`, both from 1. */
  placeOf(node: Node): string {
    return this.#place(node.range?.[0] ?? 0);
  }

  /** The node that a node stands for: itself, or what its alias names. */
  resolve(node: Node): YamlNode {
    const target = isAlias(node) ? this.#targets.get(node) : node;
    if (isScalar(target)) return target;
    if (!isMap(target) && !isSeq(target)) throw new TextProblem(`${this.placeOf(node)}: cannot be read`);
    return target;
  }

  /** The node of an alias as it stands in the text; undefined for other nodes. */
  targetOf(node: Node): Node | undefined {
    return isAlias(node) ? this.#targets.get(node) : undefined;
  }

  /** Says what an alias stands for that was not parsed but made. */
  follow(alias: Alias, target: Node): void {
    this.#targets.set(alias, target);
  }

  /** The items of a list. */
  items(list: YAMLSeq): (Node | null)[] {
    return list.items as (Node | null)[];
  }

  /**
   * The keys of a mapping, with those that `<<` brings in. Own keys win over merged ones, the last of duplicate keys wins, and of several
   * merged mappings the first (O-120).
   */
  entries(map: YAMLMap): Map<string, YamlEntry> {
    const merged = new Map<string, YamlEntry>();
    const own = new Map<string, YamlEntry>();
    for (const pair of map.items) {
      const key = pair.key as Node;
      const value = (pair.value ?? null) as Node | null;
      if (!isMergeKey(pair)) own.set(this.#keyText(key), { key, value, merged: false });
      else for (const [name, entry] of this.#mergedEntries(key, value)) merged.set(name, entry);
    }
    for (const [name, entry] of own) merged.set(name, entry);
    return merged;
  }

  /** Whether a value counts as absent: an explicit or implied null (O-121). */
  isNull(node: Node | null): boolean {
    if (node === null) return true;
    const target = this.targetOf(node) ?? node;
    return isScalar(target) && this.typeOf(target) === "null";
  }

  /** Type of a scalar: what its tag says, else text if it is quoted, else by its form. */
  typeOf(scalar: Scalar): ScalarType {
    const natural = plainType(String(scalar.value));
    switch (scalar.tag?.replace("tag:yaml.org,2002:", "")) {
      case undefined:
        return isPlain(scalar) ? natural : "text";
      case "null":
        return "null";
      case "!":
      case "str":
        return "text";
      default:
        return natural;
    }
  }

  /** A node as JSON by the rules of YAML 1.1; keys that are null stay out. */
  json(node: Node | null): unknown {
    return this.#plain(node, (scalar) => {
      const text = String(scalar.value);
      return this.typeOf(scalar) === "text" ? text : plainValue(text);
    });
  }

  /** A node as JSON whose scalars are the text that stands in the file, but for nulls. */
  texts(node: Node | null): unknown {
    return this.#plain(node, (scalar) => (this.typeOf(scalar) === "null" ? null : String(scalar.value)));
  }

  #plain(node: Node | null, value: (scalar: Scalar) => unknown): unknown {
    if (node === null) return null;
    const target = this.resolve(node);
    if (isScalar(target)) return value(target);
    if (isSeq(target)) return this.items(target).map((item) => this.#plain(item, value));
    const found = [...this.entries(target)].filter(([, entry]) => !this.isNull(entry.value));
    return Object.fromEntries(found.map(([key, entry]) => [key, this.#plain(entry.value, value)]));
  }

  #mergedEntries(key: Node, value: Node | null): Map<string, YamlEntry> {
    const target = value === null ? undefined : this.resolve(value);
    const sources = isSeq(target) ? this.items(target).map((item) => (item ? this.resolve(item) : item)) : [target];
    const found = new Map<string, YamlEntry>();
    for (const source of sources.reverse()) {
      if (!isMap(source)) throw new TextProblem(`${this.placeOf(key)}: << takes a mapping or a list of mappings`);
      for (const [name, entry] of this.entries(source)) found.set(name, { ...entry, merged: true });
    }
    return found;
  }

  #keyText(key: Node): string {
    const target = this.resolve(key);
    if (isScalar(target)) return String(target.value);
    throw new TextProblem(`${this.placeOf(key)}: a key must be a text`);
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `line ${Math.max(line, 1)}, column ${Math.max(col, 1)}`;
  }

  /** Looks at every node once, in the order of the text: tags, what each alias stands for, and how large and deep it all is. */
  #checked(): Map<Alias, Node> {
    const anchors = new Map<string, Node>();
    const targets = new Map<Alias, Node>();
    const extents = new Map<Node, Extent>();
    const check = (node: Node, level: number): Extent => {
      if (level > MAX_DEPTH) throw this.#tooDeep(node);
      let extent: Extent;
      if (isAlias(node)) {
        const target = this.#anchored(node, anchors);
        targets.set(node, target);
        return extents.get(target) ?? { size: 1, depth: 1 };
      }
      if (node.tag !== undefined && node.tag !== "!" && !TAGS.has(node.tag)) {
        throw new TextProblem(`${this.placeOf(node)}: unknown tag ${JSON.stringify(node.tag.slice(0, 100))}`);
      }
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
      if (isScalar(node)) extent = { size: 1 + String(node.value).length, depth: 1 };
      else
        extent = this.#sumOf(
          node,
          childrenOf(node).map((child) => [child, check(child, level + 1)] as const),
        );
      if (node.anchor !== undefined) extents.set(node, extent);
      return extent;
    };
    if (this.root !== null) check(this.root, 1);
    return targets;
  }

  #anchored(alias: Alias, anchors: ReadonlyMap<string, Node>): Node {
    const target = anchors.get(alias.source);
    if (target === undefined)
      throw new TextProblem(`${this.placeOf(alias)}: there is no anchor &${alias.source} above`);
    if ((target.range?.[2] ?? 0) > (alias.range?.[0] ?? 0))
      throw new TextProblem(`${this.placeOf(alias)}: *${alias.source} stands inside of what it stands for`);
    return target;
  }

  #tooDeep(node: Node): TextProblem {
    return new TextProblem(`${this.placeOf(node)}: is nested more than ${MAX_DEPTH} levels deep`);
  }

  #sumOf(node: Node, children: readonly (readonly [Node, Extent])[]): Extent {
    const sum = { size: 1, depth: 1 };
    for (const [child, extent] of children) {
      sum.size += extent.size;
      sum.depth = Math.max(sum.depth, extent.depth + 1);
      if (sum.size > MAX_EXPANDED)
        throw new TextProblem(`${this.placeOf(child)}: aliases make more of this text than can be read`);
      if (sum.depth > MAX_DEPTH) throw this.#tooDeep(node);
    }
    return sum;
  }
}

/** How much a node is with everything that its aliases repeat. */
interface Extent {
  size: number;
  depth: number;
}

/** The nodes directly inside of a node, keys of mappings too. */
function childrenOf(node: Node): Node[] {
  if (isSeq(node)) return (node.items as (Node | null)[]).filter((item) => item !== null);
  if (!isMap(node)) return [];
  return node.items.flatMap((pair) =>
    [pair.key as Node | null, pair.value as Node | null].filter((item) => item !== null),
  );
}

/** Whether a key is the merge key: `<<` without quotes. */
export function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.value === "<<" && isPlain(pair.key);
}

/** Whether a scalar stands without quotes and is not a block of text. */
function isPlain(scalar: Scalar): boolean {
  return scalar.type === undefined || scalar.type === "PLAIN";
}
