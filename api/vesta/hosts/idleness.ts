import { shownUuid } from "../../gpu/gpu-row.ts";
import type { ReadRow } from "../../gpu/node-readings.ts";
import { utilisationPercent } from "../../gpu/readings.ts";
import type { Payload } from "./host.ts";
import { hostText } from "./host-text.ts";

/** Since when each GPU of a node has been held and has done nothing throughout, by shown UUID, in ms since 1970. Others are not in it. */
export type IdleSince = Readonly<Record<string, number>>;

/** What was known before a reading; nothing, where something was missed in between. */
export interface IdleBefore {
  since: IdleSince;
  payload: Payload | null;
}

/**
 * What is known of idle GPUs after a reading of their node (V-54). A GPU counts that a pod holds, as its exporter says, at a utilisation that is known to be 0 %:
 * one without attribution, or whose use is unknown, never does. Where none of its holders is the same as before, its time begins anew.
 */
export function idleAfter(rows: readonly ReadRow[], atMs: number, before: IdleBefore): IdleSince {
  const heldBefore = new Map(
    Object.values(before.payload ?? {}).map(({ uuid, processes }) => [
      uuid,
      new Set(processes.map(({ user, name }) => `${user}/${name}`)),
    ]),
  );
  return Object.fromEntries(
    rows
      .filter(({ row }) => row.holders.length > 0 && utilisationPercent(row) === 0)
      .map(({ row }) => {
        const uuid = hostText(shownUuid(row));
        const known = Object.hasOwn(before.since, uuid) ? before.since[uuid] : undefined;
        const names = row.holders.map(({ namespace, pod, container }) =>
          [hostText(namespace), hostText(container === "" ? pod : `${pod}/${container}`)].join("/"),
        );
        const isSame = names.some((name) => heldBefore.get(uuid)?.has(name));
        return [uuid, known !== undefined && isSame ? Math.min(known, atMs) : atMs];
      }),
  );
}

/** Reads what was stored; what is not of that form says nothing. */
export function idleOf(stored: string | null): IdleSince {
  if (stored === null) return {};
  const entries = Object.entries(JSON.parse(stored) as object);
  return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}
