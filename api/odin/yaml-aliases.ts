import { Alias, isAlias, isMap, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import type { YamlText } from "../../crds/yaml-text.ts";

/**
 * Keeps what aliases stand for while the text around them is edited. What an alias names is never changed in place, for then the alias would
 * change too; and where the edit took an anchor away or put it behind, `restore` writes what it was at the first alias.
 */
export class AliasKeeper {
  readonly #yaml: YamlText;
  readonly #named = new Set<Node>();

  constructor(yaml: YamlText) {
    this.#yaml = yaml;
    const visit = (node: Node): void => {
      const target = yaml.targetOf(node);
      if (target !== undefined) this.#named.add(target);
      for (const child of childrenOf(node)) visit(child);
    };
    if (yaml.root !== null) visit(yaml.root);
  }

  /** The collection itself if it may be changed in place; a copy of it if an alias names it. */
  editable<T extends YAMLMap | YAMLSeq>(node: T): T {
    return this.#named.has(node) ? (this.copyOf(node) as T) : node;
  }

  /** A copy with its comments and without its anchors. */
  copyOf(node: Node): Node {
    const copy = this.#bareCopy(node);
    copy.comment = node.comment ?? null;
    copy.commentBefore = node.commentBefore ?? null;
    if (node.spaceBefore) copy.spaceBefore = true;
    return copy;
  }

  /** Makes every alias stand for what it stood for. Gives the nodes in which something was replaced, outermost included. */
  restore(): Set<Node> {
    const anchors = new Map<string, Node>();
    const copies = new Map<Node, Node>();
    const touched = new Set<Node>();
    const settle = (node: Node, ancestors: readonly Node[]): Node => {
      const target = this.#yaml.targetOf(node);
      if (isAlias(node) && target !== undefined) {
        const current = anchors.get(node.source);
        if (current !== undefined && (current === target || current === copies.get(target))) return node;
        const copy = this.copyOf(target);
        if (!isAlias(copy)) copy.anchor = node.source;
        copies.set(target, copy);
        for (const ancestor of ancestors) touched.add(ancestor);
        return settle(copy, ancestors);
      }
      if (!isAlias(node) && node.anchor !== undefined) anchors.set(node.anchor, node);
      const inside = [...ancestors, node];
      if (isSeq(node)) node.items = node.items.map((item) => (item === null ? null : settle(item as Node, inside)));
      if (isMap(node)) {
        for (const pair of node.items) {
          pair.key = settle(pair.key as Node, inside);
          if (pair.value !== null && pair.value !== undefined) pair.value = settle(pair.value as Node, inside);
        }
      }
      return node;
    };
    if (this.#yaml.root !== null) settle(this.#yaml.root, []);
    return touched;
  }

  #bareCopy(node: Node): Node {
    if (isAlias(node)) {
      const alias = new Alias(node.source);
      const target = this.#yaml.targetOf(node);
      if (target !== undefined) this.#yaml.follow(alias, target);
      return alias;
    }
    if (isScalar(node)) {
      const scalar = new Scalar(node.value);
      if (node.type !== undefined) scalar.type = node.type;
      if (node.tag !== undefined) scalar.tag = node.tag;
      return scalar;
    }
    const copy = isSeq(node) ? new YAMLSeq() : new YAMLMap();
    if (isSeq(node))
      copy.items = node.items.map((item) => (item === null ? null : this.copyOf(item as Node))) as never[];
    if (isMap(node)) {
      copy.items = node.items.map(
        ({ key, value }) => new Pair(this.copyOf(key as Node), value === null ? null : this.copyOf(value as Node)),
      );
    }
    if (isMap(node) || isSeq(node)) {
      if (node.flow !== undefined) copy.flow = node.flow;
      if (node.tag !== undefined) copy.tag = node.tag;
    }
    return copy;
  }
}

/** The nodes directly inside of a node, keys of mappings too. */
function childrenOf(node: Node): Node[] {
  if (isSeq(node)) return (node.items as (Node | null)[]).filter((item) => item !== null);
  if (!isMap(node)) return [];
  return node.items.flatMap((pair) =>
    [pair.key as Node | null, pair.value as Node | null].filter((item) => item !== null),
  );
}
