/**
 * A factor between 1 - `percent` and 1 + `percent` hundredths that is always the same for the same key: what fails together must not come back
 * together, and a decision that is made twice must come out the same.
 */
export function jitter(key: string, percent: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  // The last characters of similar keys differ; mixing spreads that over all bits.
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  const fraction = ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
  return 1 + ((2 * fraction - 1) * percent) / 100;
}
