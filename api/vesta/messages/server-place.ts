import { networkInterfaces } from "node:os";

/** Where people find the server, as the settings have it. */
export interface ServerPlace {
  ip: string;
  port: string;
  bindHost: string;
}

/** The default of the address, which stands for the server's own. */
const OWN = "127.0.0.1";

/** The values of the placeholders of messages that name the server (V-58). */
export function shownPlace(
  { ip, port, bindHost }: ServerPlace,
  own: () => string = ownAddress,
): { ip: string; port: string; bind_host: string } {
  return { ip: ip === OWN ? own() : ip, port, bind_host: bindHost };
}

/** An address of this machine that others reach it by; the loopback address where it has no other. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = addresses.filter(({ internal }) => !internal);
  return (outer.find(({ family }) => family === "IPv4") ?? outer[0])?.address ?? OWN;
}
