import { VestaError } from "../vesta-error.ts";

/** How many pages there are (V-36). */
export function pageCount(hosts: number, pageSize: number): number {
  return Math.max(1, Math.ceil(hosts / pageSize));
}

/** The hosts of a page, counted from 1; none past the last one. */
export function pageOf<T>(hosts: readonly T[], page: number, pageSize: number): readonly T[] {
  const start = (page - 1) * pageSize;
  return hosts.slice(start, start + pageSize);
}

/** The hosts that a text shows (V-39): page 0 stands for all of them. Throws the 404 of a page below it. */
export function textPage<T>(hosts: readonly T[], page: number, pageSize: number): readonly T[] {
  if (page < 0) throw new VestaError(404, "invalid page number.");
  return page === 0 ? hosts : pageOf(hosts, page, pageSize);
}
