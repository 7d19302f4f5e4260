import type { SqlValue, Statement } from "./sql.ts";

/** Takes note of the objects in the bucket of those logs, which somebody has to remove once their rows no longer name them. */
export function noteBlobs(where: string, values: readonly SqlValue[]): Statement {
  const text = `INSERT INTO dropped_blob (place) SELECT place FROM pod_log WHERE place IS NOT NULL AND (${where}) ON CONFLICT (place) DO NOTHING`;
  return { text, values };
}

/** Removes those logs, objects in the bucket included; the last statement is the one that counts them. */
export function removeLogs(where: string, values: readonly SqlValue[]): Statement[] {
  return [noteBlobs(where, values), { text: `DELETE FROM pod_log WHERE ${where}`, values }];
}
