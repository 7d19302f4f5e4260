import { isDeepStrictEqual } from "node:util";
import { isMap, isScalar, isSeq, type Node, Pair, type YAMLMap, type YAMLSeq } from "yaml";
import { type Keys, knownKey, type Shape } from "../../crds/main-yml-keys.ts";
import { knownEntries } from "../../crds/main-yml-reader.ts";
import { isMergeKey, type YamlEntry, type YamlText } from "../../crds/yaml-text.ts";
import { shownObject, shownValue } from "./main-yml-view.ts";
import type { AliasKeeper } from "./yaml-aliases.ts";
import { keyNode, valueNode } from "./yaml-nodes.ts";

/**
 * Makes a mapping of the file say what `values` say and touches nothing else in it: keys whose value is the same stay as they are written, with
 * comments, anchors and merges. A key that is null is removed; one that is not in `values` is left alone.
 */
export function reconcileMap(
  yaml: YamlText,
  aliases: AliasKeeper,
  map: YAMLMap,
  values: ReadonlyMap<string, unknown>,
  keys: Keys,
): void {
  const before = shownObject(yaml, map, keys);
  const has = (key: string): boolean => Object.hasOwn(before, key);
  const removed = [...values].filter(([key, value]) => value === null && has(key)).map(([key]) => key);
  if (removed.some((key) => isMerged(yaml, map, key, keys))) expandMerges(yaml, aliases, map);
  map.items = map.items.filter((pair) => isMergeKey(pair) || !removed.includes(nameOf(yaml, pair, keys)));
  for (const [key, value] of values) {
    if (value === null || (has(key) && isDeepStrictEqual(before[key], value))) continue;
    const shape = Object.hasOwn(keys, key) ? keys[key] : undefined;
    const own = ownPairs(yaml, map, key, keys);
    const kept = own.at(-1);
    map.items = map.items.filter((pair) => pair === kept || !own.includes(pair));
    if (kept === undefined) map.items.push(new Pair(keyNode(key, keys), valueNode(value, shape)));
    else kept.value = reconcileValue(yaml, aliases, (kept.value ?? null) as Node | null, value, shape);
  }
}

/** The node that is to stand for `value` where `node` stood: as much of `node` as still holds. */
function reconcileValue(
  yaml: YamlText,
  aliases: AliasKeeper,
  node: Node | null,
  value: unknown,
  shape: Shape | undefined,
): Node {
  const item = shape?.kind === "one or many" || shape?.kind === "list" ? shape.item : shape;
  if (node !== null && isDeepStrictEqual(shown(yaml, node, shape), value)) return node;
  if (isMap(node) && value !== null && typeof value === "object" && !Array.isArray(value)) {
    const map = aliases.editable(node);
    const keys = item?.kind === "object" ? item.keys : {};
    const gone = Object.keys(shownObject(yaml, map, keys)).filter((key) => !Object.hasOwn(value, key));
    const entries = new Map<string, unknown>([...Object.entries(value), ...gone.map((key) => [key, null] as const)]);
    reconcileMap(yaml, aliases, map, entries, keys);
    return map;
  }
  if (isSeq(node) && Array.isArray(value)) {
    const list = aliases.editable(node);
    reconcileList(yaml, aliases, list, value, item);
    return list;
  }
  const fresh = valueNode(value, shape);
  if (isScalar(node) && isScalar(fresh) && node.comment) fresh.comment = node.comment;
  return fresh;
}

/** Items that are equal at the beginning and at the end stay; those between are matched by their position. */
function reconcileList(
  yaml: YamlText,
  aliases: AliasKeeper,
  list: YAMLSeq,
  values: unknown[],
  shape: Shape | undefined,
): void {
  const nodes = list.items as (Node | null)[];
  const same = (node: Node | null | undefined, value: unknown): boolean =>
    isDeepStrictEqual(node ? shown(yaml, node, shape) : null, value);
  const shorter = Math.min(nodes.length, values.length);
  let head = 0;
  while (head < shorter && same(nodes[head], values[head])) head++;
  let tail = 0;
  while (tail < shorter - head && same(nodes.at(-1 - tail), values.at(-1 - tail))) tail++;
  const old = nodes.slice(head, nodes.length - tail);
  const middle = values
    .slice(head, values.length - tail)
    .map((value, index) => reconcileValue(yaml, aliases, old[index] ?? null, value, shape));
  list.items = [...nodes.slice(0, head), ...middle, ...nodes.slice(nodes.length - tail)];
}

function shown(yaml: YamlText, node: Node, shape: Shape | undefined): unknown {
  return shape === undefined ? yaml.json(node) : shownValue(yaml, node, shape);
}

/** The name by which a pair's key is known, or the key itself. */
function nameOf(yaml: YamlText, pair: Pair, keys: Keys): string {
  const key = yaml.resolve(pair.key as Node);
  const text = isScalar(key) ? String(key.value) : "";
  return knownKey(text, keys) ?? text;
}

/** Pairs of the mapping itself that speak of a key, the one that counts last. */
function ownPairs(yaml: YamlText, map: YAMLMap, key: string, keys: Keys): Pair[] {
  const counts = entryOf(yaml, map, key, keys)?.value;
  const own = map.items.filter((pair) => !isMergeKey(pair) && nameOf(yaml, pair, keys) === key);
  return [...own.filter((pair) => pair.value !== counts), ...own.filter((pair) => pair.value === counts)];
}

/** The entry that counts for a key, by `<<` or by the mapping itself. */
function entryOf(yaml: YamlText, map: YAMLMap, key: string, keys: Keys): YamlEntry | undefined {
  const entries = yaml.entries(map);
  return entries.get(knownEntries(yaml, map, keys).get(key)?.spelling ?? key);
}

function isMerged(yaml: YamlText, map: YAMLMap, key: string, keys: Keys): boolean {
  return [...yaml.entries(map)].some(
    ([spelling, { merged }]) => merged && (knownKey(spelling, keys) ?? spelling) === key,
  );
}

/** Puts what `<<` brings in into the mapping itself, so that single keys of it can be left out. */
function expandMerges(yaml: YamlText, aliases: AliasKeeper, map: YAMLMap): void {
  const merged = [...yaml.entries(map).values()].filter((entry) => entry.merged);
  const pairs = merged.map(({ key, value }) => new Pair(aliases.copyOf(key), value && aliases.copyOf(value)));
  map.items = [...pairs, ...map.items.filter((pair) => !isMergeKey(pair))];
}
