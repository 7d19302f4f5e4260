/**
 * The shard of a key among `count`, from 0 (FNV-1a with a final mix, so that keys which differ in their last letter spread). All processes must
 * come to the same answer, in every version: two that disagree would both act on a key.
 */
export function shardOf(key: string, count: number): number {
  if (count === 1) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % count;
}

/** How many of `shards` the process `self` is to hold when all of `members` share them as evenly as they can be shared. */
export function fairShare(shards: number, members: readonly string[], self: string): number {
  const all = [...new Set([...members, self])].sort();
  const rank = all.indexOf(self);
  return Math.floor(shards / all.length) + (rank < shards % all.length ? 1 : 0);
}
