/** The commands by which docs/how-to/back-up-and-restore.md copies and restores a database, on a real server. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LogArchive, type LogOwner } from "../../../store/log-archive.ts";
import { type PostgresLocation, PostgresSql } from "../../../store/postgres.ts";
import { RunArchive } from "../../../store/run-archive.ts";
import type { Row } from "../../../store/sql.ts";
import { PageShell } from "../../support/page-shell.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const PAGE = "docs/how-to/back-up-and-restore.md";
/** Tables of the second of the steps that they have gone through. */
const EARLIER_TABLES = ["schema_version", "run_record", "pod_log"];
/** Takes back, with the removal of all other tables, what later steps did, as a database is that an earlier version has left. */
const BACK_TO_THE_SECOND = `
  DROP INDEX run_record_there;
  ALTER TABLE pod_log DROP COLUMN place, DROP COLUMN stored_size;
  DELETE FROM schema_version WHERE version > 2;
`;

const opened = await PostgresServer.open();
if ("cannot" in opened) skip("file", `no PostgreSQL server: ${opened.cannot}`);
else tests(opened);

function tests(server: PostgresServer): void {
  const test = suite("a dump of the store in PostgreSQL");
  let place: TemporaryDirectory;
  const open: PostgresSql[] = [];

  test.before(async () => {
    place = await temporaryDirectory();
  });
  test.after(async () => {
    await Promise.all(open.map((sql) => sql.close()));
    await server.remove();
    await place.remove();
  });

  const at = (location: PostgresLocation): PostgresSql => {
    const sql = new PostgresSql(location);
    open.push(sql);
    return sql;
  };

  /** A database with two runs and a log of each. */
  async function filled(): Promise<PostgresLocation> {
    const location = await server.database();
    const sql = at(location);
    for (const name of ["one", "two"]) {
      const record = { uid: `uid-${name}`, namespace: "ns", name, job: "", version: "", user: "ada", phase: "DONE" };
      const document = Buffer.from([0xff, 0x00, ...Buffer.from(name)]);
      await new RunArchive(sql).save([{ ...record, createdAt: 1e12, endedAt: 1e12 + 1, document }]);
      const owner: LogOwner = {
        ...{ podUid: `pod-${name}`, namespace: "ns", pod: `${name}--a`, runUid: record.uid, run: name },
        ...{ task: "a", attempt: 1, container: "main", createdAt: "" },
      };
      await new LogArchive(sql).save(owner, { text: Buffer.from(`${name} said 'ü'\n`), dropped: 0 }, "whole");
    }
    await sql.close();
    return location;
  }

  async function tablesOf({ database }: PostgresLocation): Promise<string[]> {
    const rows = await server.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1", database);
    return rows.map(({ tablename }) => String(tablename));
  }

  async function contents(location: PostgresLocation, tables?: string[]): Promise<Record<string, Row[]>> {
    const { database } = location;
    const found: Record<string, Row[]> = {};
    for (const table of tables ?? (await tablesOf(location))) {
      const rows = await server.query(`SELECT t::text AS row FROM ${table} t ORDER BY 1`, database);
      found[table] = rows as Row[];
    }
    return found;
  }

  /** Somebody at the shell who follows the page with that database. */
  function reader(location: PostgresLocation): PageShell {
    return new PageShell({
      cwd: place.path,
      path: "",
      environment: {
        ...{ PGHOST: location.host, PGPORT: String(location.port), PGUSER: location.user },
        ...{ PGDATABASE: location.database, PGPASSWORD: location.password ?? "" },
      },
    });
  }

  async function dump(location: PostgresLocation): Promise<void> {
    await reader(location).command("mkdir -p backup");
    await reader(location).run(PAGE, ["backup-postgres"]);
  }

  test("restored it has every row of every table, also where the database was in use since", async () => {
    const location = await filled();
    const before = await contents(location);
    assert.is(before.run_record?.length, 2);
    await dump(location);
    const used = at(location);
    await used.write([{ text: "DELETE FROM pod_log" }, { text: "UPDATE run_record SET phase = 'TERMINATED'" }]);
    await used.close();
    await reader(location).run(PAGE, ["restore-postgres"]);
    assert.equal(await contents(location), before);
    const log = await new LogArchive(at(location)).text("pod-one");
    assert.is(log?.toString(), "one said 'ü'\n");
  });

  test("a dump of an earlier version's tables, in a database that has the newer ones: it is brought forward", async () => {
    const location = await filled();
    const all = await tablesOf(location);
    const [now] = await server.query("SELECT MAX(version) AS version FROM schema_version", location.database);
    const later = all.filter((table) => !EARLIER_TABLES.includes(table));
    await server.query(`DROP TABLE ${later.join(", ")}; ${BACK_TO_THE_SECOND}`, location.database);
    const before = await contents(location, ["run_record"]);
    await dump(location);
    // The newer program has been at work there before the restore.
    const newer = at(location);
    await newer.write([{ text: "INSERT INTO dropped_blob (place) VALUES (?)", values: ["forgotten"] }]);
    await newer.close();
    await reader(location).run(PAGE, ["restore-postgres"]);
    assert.equal(await server.query("SELECT MAX(version) AS version FROM schema_version", location.database), [
      { version: "2" },
    ]);
    const sql = at(location);
    assert.is((await new LogArchive(sql).text("pod-two"))?.toString(), "two said 'ü'\n");
    const [then] = await sql.read({ text: "SELECT MAX(version) AS version FROM schema_version" });
    assert.ok(Number(now?.version) > 2);
    assert.is(then?.version, Number(now?.version));
    assert.equal(await tablesOf(location), all);
    assert.equal(await sql.read({ text: "SELECT * FROM dropped_blob" }), []);
    assert.equal(await sql.read({ text: "SELECT COUNT(*) AS n FROM pod_log WHERE stored_size = LENGTH(log)" }), [
      { n: 2 },
    ]);
    assert.equal(await contents(location, ["run_record"]), before);
  });

  test("a dump that is cut short restores nothing by halves", async () => {
    const location = await filled();
    await dump(location);
    await reader(location).command("truncate --size=-200 backup/store.dump");
    const said = await reader(location)
      .run(PAGE, ["restore-postgres"])
      .catch((error: Error) => error.message);
    assert.match(said, /pg_restore: error/);
    const [there] = await server.query("SELECT to_regclass('run_record') IS NOT NULL AS made", location.database);
    assert.equal(there, { made: false });
  });

  test.run();
}
