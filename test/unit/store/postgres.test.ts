// timeout: 900
import { createPrivateKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createAuthority, createCertificate } from "../../../local/x509.ts";
import { LogArchive } from "../../../store/log-archive.ts";
import { type PostgresLocation, PostgresSql, type PostgresTimings } from "../../../store/postgres.ts";
import type { StoreProblem } from "../../../store/store-problem.ts";
import { until, within } from "../../support/deadline.ts";
import { postgresPlan } from "../../support/job-plan.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { jobPlanCases } from "./job-plan-cases.ts";
import { jobRecordCases } from "./job-records-cases.ts";
import { logArchiveCases } from "./log-archive-cases.ts";
import { mlbenchMetricsCases } from "./mlbench-metrics-cases.ts";
import { mlbenchOutputCases } from "./mlbench-output-cases.ts";
import { mlbenchPodsCases } from "./mlbench-pods-cases.ts";
import { runArchiveCases } from "./run-archive-cases.ts";
import { logOwnerOf, problemOf } from "./store-cases.ts";
import { userDataCases } from "./user-data-cases.ts";
import { vestaMessagesCases } from "./vesta-messages-cases.ts";

const WAIT_MS = 60_000;
const opened = await PostgresServer.open();
if ("cannot" in opened) skip("file", `no PostgreSQL server: ${opened.cannot}`);
else tests(opened);

function tests(server: PostgresServer): void {
  const test = suite("store in PostgreSQL");
  const open: PostgresSql[] = [];
  let place: TemporaryDirectory;
  const at = (location: PostgresLocation, timings?: Partial<PostgresTimings>): PostgresSql => {
    const sql = new PostgresSql(location, timings);
    open.push(sql);
    return sql;
  };
  const lose = (sql: PostgresSql, uid: string): Promise<void> => new LogArchive(sql).lose(logOwnerOf(uid), "gone");

  test.before(async () => {
    place = await temporaryDirectory();
  });
  test.after(async () => {
    await Promise.all(open.map((sql) => sql.close()));
    await server.remove();
    await place.remove();
  });

  logArchiveCases(test, async () => at(await server.database()));
  runArchiveCases(test, async () => at(await server.database()));
  jobRecordCases(test, async () => at(await server.database()));
  jobPlanCases(
    test,
    async () => at(await server.database()),
    postgresPlan,
    async (sql) => {
      // As the server does by itself after a while.
      await sql.read({ text: "VACUUM (ANALYZE) clockwork_job" });
    },
  );
  mlbenchOutputCases(test, async () => at(await server.database()));
  let shared: Promise<PostgresLocation> | undefined;
  mlbenchMetricsCases(test, async () => at(await server.database()));
  mlbenchPodsCases(test, async () => at(await server.database()));
  vestaMessagesCases(test, async () => at(await server.database()));
  userDataCases(test, async () => {
    shared ??= server.database();
    return at(await shared);
  });

  test("C-83: many processes that start at once make the tables once", () =>
    within(WAIT_MS, async () => {
      const location = await server.database();
      const many = Array.from({ length: 8 }, () => at(location, { connections: 2 }));
      await Promise.all(many.flatMap((sql, n) => [lose(sql, `a-${n}`), lose(sql, `b-${n}`)]));
      const [first] = many;
      const rows = await first?.read({ text: "SELECT version FROM schema_version ORDER BY version" });
      assert.equal(
        rows?.map(({ version }) => version),
        rows?.map((_, n) => n + 1),
      );
      assert.is((await first?.read({ text: "SELECT COUNT(*) AS n FROM pod_log" }))?.[0]?.n, 16);
      await Promise.all(many.map((sql) => sql.close()));
    }));

  test("all or none", async () => {
    const sql = at(await server.database());
    await lose(sql, "first");
    const problem = await problemOf(
      sql.write([{ text: "DELETE FROM pod_log" }, { text: "INSERT INTO nowhere VALUES (1)" }]),
    );
    assert.is(problem.kind, "unavailable");
    assert.equal(await new LogArchive(sql).settled(["first"]), new Set(["first"]));
  });

  test("C-83: a store of a later version is left alone", async () => {
    const location = await server.database();
    const sql = at(location);
    await sql.write([{ text: "INSERT INTO schema_version (version) VALUES (?)", values: [1000] }]);
    const problem = await problemOf(at(location).read({ text: "SELECT 1 AS one" }));
    assert.is(problem.kind, "newer");
    assert.match(problem.message, /newer version.*upgrade/);
  });

  test("a wrong password, an unknown database and an unknown user are named, without the password", async () => {
    const location = await server.database();
    const wrong = [
      [{ password: "open sesame" }, /pg_hba|password/],
      [{ database: "nowhere" }, /create the database/],
      [{ user: "nobody" }, /password/],
    ] as const;
    for (const [change, words] of wrong) {
      const problem = await problemOf(at({ ...location, ...change }).read({ text: "SELECT 1 AS one" }));
      assert.is(problem.kind, "unavailable", problem.message);
      assert.match(problem.message, words);
      assert.not.match(
        JSON.stringify([problem.message, String(problem.cause), problem.stack]),
        /open sesame|correct horse/,
      );
    }
    const { password: _, ...without } = location;
    const problem = await problemOf(at(without).read({ text: "SELECT 1 AS one" }));
    assert.match(problem.message, "--store-password-file");
  });

  test("the password comes from a file, which is read for each new connection", async () => {
    const passwordFile = join(place.path, "password");
    const { password = "", ...location } = await server.database();
    await writeFile(passwordFile, "not yet\n");
    const sql = at({ ...location, passwordFile });
    assert.is((await problemOf(lose(sql, "x"))).kind, "unavailable");
    await writeFile(passwordFile, `${password}\n`);
    await lose(sql, "x");
    const missing = await problemOf(
      at({ ...location, passwordFile: join(place.path, "nothing") }).write([{ text: "SELECT 1" }]),
    );
    assert.match(missing.message, /password file .*nothing.*ENOENT/);
  });

  test("a server without encryption is not spoken to in the clear where that was not asked for", async () => {
    const problem = await problemOf(at({ ...(await server.database()), tls: {} }).read({ text: "SELECT 1 AS one" }));
    assert.is(problem.kind, "unavailable");
    assert.match(problem.message, "sslmode=disable");
  });

  test("an encrypted connection is made with a server that proves who it is, and with no other", async () => {
    const authority = createAuthority("an authority of ours");
    const issue = (request: { dnsNames?: string[]; addresses?: string[] }) =>
      createCertificate(authority, createPrivateKey(authority.key), {
        commonName: "database",
        usages: ["serverAuth"],
        ...request,
      });
    await server.offerEncryption(issue({ addresses: ["127.0.0.1"] }));
    const location = await server.database();
    const tls = { ca: authority.certificate };
    const sql = at({ ...location, tls });
    await lose(sql, "x");
    const encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert.equal(await sql.read({ text: encrypted }), [{ ssl: 1 }]);
    const wrong: [Partial<PostgresLocation>, RegExp][] = [
      [{ host: "localhost", tls }, /localhost/],
      [{ tls: { ca: createAuthority("another").certificate } }, /sslrootcert/],
      [{ tls: {} }, /sslrootcert/],
    ];
    for (const [change, words] of wrong) {
      const problem = await problemOf(at({ ...location, ...change }).read({ text: "SELECT 1 AS one" }));
      assert.is(problem.kind, "unavailable", problem.message);
      assert.match(problem.message, words);
    }
    await server.offerEncryption(issue({ dnsNames: ["localhost"] }));
    const named = at({ ...location, host: "localhost", tls });
    const rows = await until(() => named.read({ text: encrypted }), WAIT_MS, {
      describe: "the server has taken up the other certificate",
    });
    assert.equal(rows, [{ ssl: 1 }]);
    assert.is((await problemOf(at({ ...location, tls }).read({ text: "SELECT 1 AS one" }))).kind, "unavailable");
  });

  test("F-36: a server that is stopped, and comes back", () =>
    within(WAIT_MS, async () => {
      const sql = at(await server.database());
      await lose(sql, "before");
      await server.stop();
      const problem = await problemOf(lose(sql, "during"));
      assert.is(problem.kind, "unavailable", problem.message);
      await server.start();
      await until(() => lose(sql, "after").then(() => true), WAIT_MS, { describe: "it works again" });
      assert.equal(await new LogArchive(sql).settled(["before", "during", "after"]), new Set(["before", "after"]));
    }));

  test("F-36: a server that dies in the middle of writes keeps what it acknowledged", () =>
    within(WAIT_MS, async () => {
      const location = await server.database();
      const sql = at(location);
      const done: string[] = [];
      let stopped = false;
      const writing = (async () => {
        for (let n = 0; !stopped; n++) {
          await lose(sql, `w-${n}`).then(
            () => done.push(`w-${n}`),
            () => undefined,
          );
        }
      })();
      await until(() => done.length > 30, WAIT_MS, { describe: "rows are written" });
      await server.stop("SIGQUIT");
      await server.start();
      await until(() => done.length > 60, WAIT_MS, { describe: "rows are written again" });
      stopped = true;
      await writing;
      assert.equal(await new LogArchive(sql).settled(done), new Set(done));
    }));

  test("F-36: connections that are cut, while they are used and while they are not, are replaced", () =>
    within(WAIT_MS, async () => {
      const location = await server.database();
      const sql = at(location);
      await lose(sql, "first");
      const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${location.database}'`;
      await server.query(cut);
      await until(() => lose(sql, "second").then(() => true), WAIT_MS, { describe: "it works again" });
      const used = sql.read({ text: "SELECT 1 AS one FROM pg_sleep(30)" });
      const failed = problemOf(used);
      await until(() => server.query(`${cut} AND query LIKE '%pg_sleep%' AND state = 'active'`), WAIT_MS, {
        describe: "the statement runs and is cut off",
        accept: (rows) => rows.length > 0,
      });
      assert.is((await failed).kind, "unavailable");
      await lose(sql, "third");
    }));

  test("F-36: a server that hangs is not waited for without end, what waits is bounded, and then it works again", () =>
    within(WAIT_MS * 2, async () => {
      const sql = at(await server.database(), { connectMs: 1_000, statementMs: 1_000 });
      await lose(sql, "first");
      const thaw = await server.freeze();
      try {
        const results = await Promise.all(
          Array.from({ length: 100 }, (_, n) =>
            lose(sql, `h-${n}`).then(
              () => "done",
              (error: StoreProblem) => error.kind,
            ),
          ),
        );
        assert.is(results.filter((kind) => kind === "busy").length, 36, JSON.stringify(results));
        assert.is(results.filter((kind) => kind === "unavailable").length, 64, JSON.stringify(results));
      } finally {
        thaw();
      }
      await until(() => lose(sql, "second").then(() => true), WAIT_MS, { describe: "it works again" });
    }));

  test("F-36: rows that somebody else holds are not waited for without end", async () => {
    const location = await server.database();
    const sql = at(location, { statementMs: 500 });
    await lose(sql, "held");
    // For as long as it takes: it is ended below.
    const held = server
      .query("BEGIN; LOCK TABLE pod_log; SELECT pg_sleep(600)", location.database)
      .then(() => "it let go by itself", String);
    await until(() => server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), WAIT_MS, {
      describe: "the table is held",
      accept: (rows) => rows.length > 0,
    });
    assert.is((await problemOf(lose(sql, "late"))).kind, "busy");
    await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    assert.match(await held, /terminating connection/);
    await lose(sql, "later");
  });

  test("tables that are dropped under it are made anew", () =>
    within(WAIT_MS, async () => {
      const location = await server.database();
      const sql = at(location);
      await lose(sql, "first");
      await server.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public", location.database);
      await until(() => lose(sql, "second").then(() => true), WAIT_MS, { describe: "they are there" });
    }));

  test("after close everything is refused, and closing twice is fine", async () => {
    const sql = at(await server.database());
    await lose(sql, "x");
    await Promise.all([sql.close(), sql.close()]);
    assert.is((await problemOf(sql.read({ text: "SELECT 1" }))).kind, "closed");
  });

  test.run();
}
