import { BlockList, isIP } from "node:net";

/** A set of addresses. */
export interface Networks {
  /** Whether an address, as a socket gives it, is one of them. */
  has(address: string): boolean;
}

/** Addresses whose answer is kept: those who ask once ask again, and to look an address up takes longer than all else about a small request's caller. */
const MOST_KNOWN = 1000;

/**
 * The addresses of networks such as `10.0.0.0/8`, `::1` or `fd00::/8`, or of the word `loopback`. Throws an Error that says which entry is none.
 */
export function parseNetworks(entries: readonly string[]): Networks {
  const list = new BlockList();
  for (const entry of entries) add(list, entry);
  const isIn = (address: string): boolean => {
    const plain = plainAddress(address);
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 4 ? "ipv4" : "ipv6");
  };
  const known = new Map<string, boolean>();
  return {
    has(address) {
      let answer = known.get(address);
      if (answer === undefined) {
        answer = isIn(address);
        if (known.size >= MOST_KNOWN) known.clear();
        known.set(address, answer);
      }
      return answer;
    },
  };
}

/** An address of IPv4 that came by a socket of IPv6, in its own form; any other as it is. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

function add(list: BlockList, entry: string): void {
  if (entry === "loopback") {
    list.addSubnet("127.0.0.0", 8, "ipv4");
    list.addAddress("::1", "ipv6");
    return;
  }
  const [, address = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  const length = bits === undefined ? most : Number(bits);
  if (version === 0 || length > most) {
    throw new Error(`${JSON.stringify(entry)} is no network such as 10.0.0.0/8, no address, and not the word loopback`);
  }
  list.addSubnet(address, length, version === 4 ? "ipv4" : "ipv6");
}
