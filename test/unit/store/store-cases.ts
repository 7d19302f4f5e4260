import { join } from "node:path";
import type { Test } from "uvu";
import { EmbeddedSql } from "../../../store/embedded.ts";
import type { LogOwner } from "../../../store/log-archive.ts";
import { StoreProblem } from "../../../store/store-problem.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** The owner of a log of which only the pod matters. */
export function logOwnerOf(podUid: string): LogOwner {
  return {
    podUid,
    namespace: "ns",
    pod: "p",
    runUid: "r",
    run: "run",
    task: "a",
    attempt: 1,
    container: "main",
    createdAt: "",
  };
}

/** The problem with which the work was refused; throws if it was not, or with anything else. */
export async function problemOf(work: Promise<unknown>): Promise<StoreProblem> {
  try {
    await work;
  } catch (error) {
    if (error instanceof StoreProblem) return error;
    throw error;
  }
  throw new Error("it worked");
}

/** What an embedded store is made with besides its path. */
type StoreTimings = ConstructorParameters<typeof EmbeddedSql> extends [string, ...infer Rest] ? Rest : never;

/** Embedded stores of a suite, in a directory that goes with it. */
export interface EmbeddedStores {
  /** The path of a file there. */
  path(name: string): string;
  /** Opens a store in that file; it is closed after the suite. `timings`: further arguments of its constructor. */
  open(name: string, ...timings: StoreTimings): EmbeddedSql;
}

/** Adds the directory to a suite; it is there from the first case on. */
export function embeddedStores(suite: Test): EmbeddedStores {
  const opened: EmbeddedSql[] = [];
  let place: Awaited<ReturnType<typeof temporaryDirectory>> | undefined;
  const path = (name: string): string => {
    if (place === undefined) throw new Error("the suite has not begun");
    return join(place.path, name);
  };
  suite.before(async () => {
    place = await temporaryDirectory();
  });
  suite.after(async () => {
    await Promise.all(opened.map((sql) => sql.close()));
    await place?.remove();
  });
  return {
    path,
    open: (name, ...timings) => {
      const sql = new EmbeddedSql(path(name), ...timings);
      opened.push(sql);
      return sql;
    },
  };
}
