import { suite } from "uvu";
import type { EmbeddedSql } from "../../../store/embedded.ts";
import { runArchiveCases } from "./run-archive-cases.ts";
import { embeddedStores } from "./store-cases.ts";

const test = suite("run archive");
const stores = embeddedStores(test);
let sql: EmbeddedSql | undefined;

runArchiveCases(test, async () => {
  sql ??= stores.open("store.db");
  return sql;
});

test.run();
