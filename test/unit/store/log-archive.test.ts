import { statSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EmbeddedSql } from "../../../store/embedded.ts";
import { LogArchive, type LogOwner, MAX_LOG_BYTES } from "../../../store/log-archive.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { logArchiveCases } from "./log-archive-cases.ts";

const test = suite("log archive");
let place: TemporaryDirectory;
let sql: EmbeddedSql;

test.before(async () => {
  place = await temporaryDirectory();
  sql = new EmbeddedSql(join(place.path, "deep/in a #directory/store.db"));
});
test.after(async () => {
  await sql.close();
  await place.remove();
});

logArchiveCases(test, async () => sql);

test("O-225: nobody but the owner can read the file", () => {
  const directory = join(place.path, "deep/in a #directory");
  for (const name of ["store.db", "store.db-wal", "store.db-shm"])
    assert.is(statSync(join(directory, name)).mode & 0o077, 0, name);
});

test("O-225: the room of what is removed is given back", async () => {
  const path = join(place.path, "deep/in a #directory/store.db");
  const archive = new LogArchive(sql);
  const text = Buffer.alloc(MAX_LOG_BYTES);
  for (let at = 0; at < text.length; at += 4) text.writeUInt32LE((at * 2654435761) >>> 0, at);
  const owner: LogOwner = {
    podUid: "large",
    namespace: "ns",
    pod: "p",
    runUid: "run-9",
    run: "run",
    task: "a",
    attempt: 1,
    container: "main",
    createdAt: "",
  };
  await archive.save(owner, { text, dropped: 1 }, "whole");
  await sql.tidy();
  const before = statSync(path).size;
  await archive.removeRun("run-9");
  await sql.tidy();
  assert.ok(before === 0 || statSync(path).size <= before);
});

test.run();
