import { type Host, isBad } from "../hosts/host.ts";
import type { BadHost, Totals } from "./templates/view.ts";

/** So many hosts that do not run are named; of the others there is the number. */
const MOST_NAMED = 10;

/** What all hosts are like together, also those of pages that are not shown; `idleOf` is the number of GPUs of a host that are held and idle. */
export function tallyOf(hosts: readonly Host[], perPage: number, idleOf: (host: Host) => number): Totals {
  const totals = { hosts: hosts.length, gpus: 0, idle: 0, bad: 0 };
  const named: BadHost[] = [];
  for (const [index, host] of hosts.entries()) {
    const { name, status, payload } = host;
    if (!isBad(status)) {
      if (payload === null) continue;
      totals.gpus += Object.keys(payload).length;
      totals.idle += idleOf(host);
      continue;
    }
    totals.bad += 1;
    if (named.length < MOST_NAMED) named.push({ name, status, page: Math.floor(index / perPage) + 1 });
  }
  return { ...totals, named };
}
