import { isIP } from "node:net";
import { parseNetworks, plainAddress } from "../networks.ts";

/** Who may look (V-21). */
export interface AllowList {
  /** Whether an address, as a socket gives it, is admitted. */
  admits(address: string): boolean;
}

/** What looks like an address or a network, and would be one but for a slip: it must not become a pattern that admits others. */
const ALMOST_ADDRESS = /^[0-9a-fA-F.:]+(\/\d*)?$/;

/**
 * Reads entries that are separated by commas or blanks (V-21): an address or a network is matched as such, `127.0.0.1` also as `::1`; anything else is a
 * regular expression, searched anywhere in the address. Throws an Error that names an entry which is neither.
 */
export function parseAllowList(text: string): AllowList {
  const addresses: string[] = [];
  const patterns: RegExp[] = [];
  for (const entry of text.split(/[\s,]+/).filter((one) => one !== "")) {
    const [address = "", bits] = entry.split("/");
    if (isIP(address) !== 0 && (bits === undefined || /^\d{1,3}$/.test(bits))) {
      addresses.push(entry, ...(entry === "127.0.0.1" ? ["::1"] : []));
    } else patterns.push(patternOf(entry));
  }
  const networks = parseNetworks(addresses);
  return {
    admits(given) {
      const address = plainAddress(given);
      return networks.has(address) || (isIP(address) !== 0 && patterns.some((pattern) => pattern.test(address)));
    },
  };
}

function patternOf(entry: string): RegExp {
  const named = JSON.stringify(entry);
  // `10.0.0.` and `192.168` are what people write as a pattern; a mask that is none is a slip.
  if (ALMOST_ADDRESS.test(entry) && entry.includes("/")) throw new Error(`${named} is no network such as 10.0.0.0/8`);
  try {
    return new RegExp(entry);
  } catch (error) {
    throw new Error(`${named} is no address, no network and no regular expression (${(error as Error).message})`);
  }
}
