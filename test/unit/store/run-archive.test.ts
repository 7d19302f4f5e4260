import { join } from "node:path";
import { suite } from "uvu";
import { EmbeddedSql } from "../../../store/embedded.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { runArchiveCases } from "./run-archive-cases.ts";

const test = suite("run archive");
let place: TemporaryDirectory;
let sql: EmbeddedSql;

test.before(async () => {
  place = await temporaryDirectory();
  sql = new EmbeddedSql(join(place.path, "store.db"));
});
test.after(async () => {
  await sql.close();
  await place.remove();
});

runArchiveCases(test, async () => sql);

test.run();
