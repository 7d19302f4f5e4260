import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { announceStore, openStore } from "../../../store/store.ts";
import { until } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite("store");
let place: TemporaryDirectory;
test.before(async () => {
  place = await temporaryDirectory();
});
test.after(async () => {
  await place.remove();
});

const children = (): number =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean).length;

test("parts of one process share a database process, which stays until the last of them has closed", async () => {
  const path = join(place.path, "shared.db");
  const [one, other] = [openStore(path), openStore(path)];
  await one.check();
  await other.check();
  assert.is(children(), 1);
  await one.close();
  await one.close();
  await other.check();
  await other.close();
  assert.is(children(), 0);
  const again = openStore(path);
  await again.check();
  await again.close();
});

test("F-36: a start says once whether the store works", async () => {
  const lines: string[] = [];
  const logger = {
    info: (fields: object, message: string) => lines.push(`info ${message} ${JSON.stringify(fields)}`),
    error: (fields: object, message: string) => lines.push(`error ${message} ${JSON.stringify(fields)}`),
  };
  const good = openStore(join(place.path, "good.db"));
  announceStore(good, logger);
  await until(() => lines.length === 1, 60_000, { describe: "it is said" });
  assert.match(lines[0] ?? "", /^info store open .*good\.db/);
  const path = join(place.path, "bad.db");
  await writeFile(path, "no database ".repeat(1000));
  const bad = openStore(path);
  announceStore(bad, logger);
  await until(() => lines.length === 2, 60_000, { describe: "it is said" });
  assert.match(lines[1] ?? "", /^error the store does not work.*bad\.db.*move the file away/);
  await Promise.all([good.close(), bad.close()]);
});

test.run();
