import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { createClient } from "@libsql/client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openStore } from "../../../store/store.ts";
import { ROOT } from "../../support/documents.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const execute = promisify(execFile);
const copying = suite("odin copy-store");
let place: TemporaryDirectory;
copying.before(async () => {
  place = await temporaryDirectory();
});
copying.after(async () => {
  await place.remove();
});

function copyStore(...argv: string[]): Promise<{ stdout: Buffer }> {
  const program = [join(ROOT, "dist/cli/odin.js"), "copy-store", ...argv];
  return execute(process.execPath, program, { encoding: "buffer", maxBuffer: 64 * 1024 * 1024 });
}

copying("a copy that is made while others write is whole, and as of one instant", async () => {
  const path = join(place.path, "written.db");
  const store = openStore(path);
  await store.check();
  const writer = createClient({ url: pathToFileURL(path).href });
  await writer.execute("CREATE TABLE pairs (text TEXT)");
  let isWriting = true;
  const insert = { sql: "INSERT INTO pairs VALUES (?)", args: ["x".repeat(2000)] };
  const written = (async () => {
    while (isWriting) {
      await writer.batch([insert, insert], "write");
      await new Promise((done) => setTimeout(done, 1));
    }
  })();
  const counts: number[] = [];
  for (let copy = 0; copy < 3; copy++) {
    const file = join(place.path, `copy-${copy}.db`);
    await writeFile(file, (await copyStore("--store", path)).stdout);
    const reader = createClient({ url: pathToFileURL(file).href });
    const check = await reader.execute("PRAGMA integrity_check");
    assert.is(Object.values(check.rows[0] ?? {})[0], "ok");
    const { rows } = await reader.execute("SELECT count(*) AS rows FROM pairs");
    counts.push(Number(rows[0]?.rows));
    reader.close();
    const again = openStore(file);
    await again.check();
    await again.close();
  }
  isWriting = false;
  await written;
  writer.close();
  await store.close();
  for (const count of counts) assert.is(count % 2, 0, `${counts}`);
  assert.ok((counts[0] ?? 0) < (counts[2] ?? 0), `nothing was written between ${counts}`);
});

copying("what is no file, or not there, is named", async () => {
  const said = async (store: string): Promise<string> =>
    copyStore("--store", store).then(
      () => "copied",
      (error: { code: number; stderr: Buffer }) => `${error.code} ${error.stderr.toString().trim()}`,
    );
  assert.is(await said(join(place.path, "none.db")), `1 odin copy-store: there is no store ${place.path}/none.db`);
  assert.match(await said("postgres://odin@db.example.org/odin"), /^2 .*PostgreSQL database; copy it with pg_dump$/);
  assert.match(await said("none"), /^2 odin copy-store: there is no store to copy/);
});
copying.run();
