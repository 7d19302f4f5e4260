// timeout: 300
import { suite } from "uvu";
import { PostgresSql } from "../../../store/postgres.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { vestaHistoryCases } from "./vesta-history-cases.ts";
import { vestaHostsCases } from "./vesta-hosts-cases.ts";

const opened = await PostgresServer.open();
if ("cannot" in opened) skip("file", `no PostgreSQL server: ${opened.cannot}`);
else tests(opened);

function tests(server: PostgresServer): void {
  const test = suite("hosts of vesta and their history, in PostgreSQL");
  const open: PostgresSql[] = [];

  test.after(async () => {
    await Promise.all(open.map((sql) => sql.close()));
    await server.remove();
  });

  const database = async (): Promise<PostgresSql> => {
    const sql = new PostgresSql(await server.database());
    open.push(sql);
    return sql;
  };

  vestaHostsCases(test, database);
  vestaHistoryCases(test, database, "EXPLAIN (COSTS OFF)");

  test.run();
}
