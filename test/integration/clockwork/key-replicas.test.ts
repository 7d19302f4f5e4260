// timeout: 500
/** API keys between two real processes that share a PostgreSQL database: what one is told holds for both. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { userSecretName } from "../../../api/auth/user.ts";
import { runClockworkKey } from "../../../api/clockwork/keys/command.ts";
import { until } from "../../support/deadline.ts";
import { kubectl, testVariable } from "../../support/kubectl.ts";
import { PostgresServer } from "../../support/postgres-server.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { basic } from "../../unit/api/clockwork/served-clockwork.ts";
import { KillableApi } from "./killable-api.ts";

const WAIT_MS = 90_000;
/** What the clause allows. */
const REVOKED_MS = 5_000;

const opened = await PostgresServer.open();
if ("cannot" in opened) skip("file", `no PostgreSQL server: ${opened.cannot}`);
else tests(opened);

function tests(server: PostgresServer): void {
  const test = suite("API keys of two replicas");
  let namespace: TemporaryNamespace;
  let directory: TemporaryDirectory;
  let token = "";
  const apis: KillableApi[] = [];

  test.before(async () => {
    try {
      namespace = await temporaryNamespace("keys");
      directory = await temporaryDirectory();
      const { user, host, port, database, password = "" } = await server.database();
      const passwordFile = join(directory.path, "password");
      await writeFile(passwordFile, password, { mode: 0o600 });
      for (const name of ["one", "two"])
        apis.push(
          new KillableApi({
            ODIN_NAMESPACE: namespace.name,
            CLOCKWORK_NAMESPACES: namespace.name,
            ODIN_REPOSITORY: join(directory.path, name),
            ODIN_STORE: `postgres://${user}@${host}:${port}/${database}`,
            ODIN_STORE_PASSWORD_FILE: passwordFile,
          }),
        );
      for (const api of apis) await api.untilReady();
      token = await pair()[0].login();
    } catch (error) {
      console.error(error);
      throw error;
    }
  });
  test.after(async () => {
    for (const api of apis) await api.end();
    await server.remove();
    await namespace?.remove();
    await directory?.remove();
  });

  function pair(): [KillableApi, KillableApi] {
    const [one, two] = apis;
    if (one === undefined || two === undefined) throw new Error("there are not two processes");
    return [one, two];
  }

  interface Made {
    id: string;
    clockwork_api_key: string;
    created: number;
  }

  /** Makes a key at one of them and waits until the other knows it. */
  async function make(at: KillableApi): Promise<Made> {
    const made = await at.ask(token, "/keys", { method: "POST" });
    assert.is(made.status, 200, made.text);
    const key = made.json as unknown as Made;
    assert.is(await answer(at, key), 200, "it works at once where it was made");
    for (const api of apis)
      await until(() => answer(api, key), WAIT_MS, { describe: "both know the key", accept: (said) => said === 200 });
    return key;
  }

  async function answer(at: KillableApi, { clockwork_api_key: key }: Made): Promise<number> {
    return (await at.ask(token, "/jobs/list", { headers: basic("root", key) })).status;
  }

  /** Waits until a process refuses a key; for how long, in milliseconds. */
  async function refused(at: KillableApi, key: Made): Promise<number> {
    const from = performance.now();
    await until(() => answer(at, key), WAIT_MS, { describe: "it is refused", accept: (said) => said === 401 });
    return performance.now() - from;
  }

  test("C-15: a key that one process revokes is refused there at once, and by the other within five seconds", async () => {
    const [one, two] = pair();
    const kept = await make(two);
    const lags: number[] = [];
    for (let round = 0; round < 3; round++) {
      const key = await make(one);
      const revoked = await two.ask(token, `/keys/${key.id}`, { method: "DELETE" });
      assert.equal([revoked.status, revoked.text], [200, '""\n']);
      assert.is(await answer(two, key), 401);
      lags.push(await refused(one, key));
      for (const api of apis) assert.is(await answer(api, kept), 200);
      assert.is((await one.ask(token, `/keys/${key.id}`, { method: "DELETE" })).status, 404);
    }
    // The one in the middle: a loaded machine stands still now and then, which says nothing of how soon it is told.
    const median = lags.sort((a, b) => a - b)[1] ?? Number.POSITIVE_INFINITY;
    assert.ok(median <= REVOKED_MS, `two of three were refused after more than ${median.toFixed(0)} ms`);
  });

  test("C-15: what was revoked stays so when the process that did it is killed right after", async () => {
    const [one, two] = pair();
    const key = await make(one);
    assert.is((await one.ask(token, `/keys/${key.id}`, { method: "DELETE" })).status, 200);
    await one.kill();
    await refused(two, key);
    await one.untilReady();
    // Clockwork's own caches may need longer than all else: until then there is no answer for anybody.
    const said = await until(() => answer(one, key), WAIT_MS, {
      describe: "it answers again",
      accept: (said) => said !== 503,
    });
    assert.is(said, 401);
  });

  test("C-15: keys that both make and revoke at once are neither lost nor brought back", async () => {
    const [one, two] = pair();
    const old = [await make(one), await make(two)];
    const work = [
      ...old.map(({ id }, n) => (n === 0 ? two : one).ask(token, `/keys/${id}`, { method: "DELETE" })),
      ...[one, two, one, two].map((api) => api.ask(token, "/keys", { method: "POST" })),
    ];
    const [first, second, ...made] = await Promise.all(work);
    assert.equal([first?.status, second?.status], [200, 200]);
    const good = made.flatMap(({ status, json }) => (status === 200 ? [json as unknown as Made] : []));
    assert.ok(good.length > 0);
    for (const key of old) for (const api of apis) await refused(api, key);
    for (const key of good)
      for (const api of apis)
        await until(() => answer(api, key), WAIT_MS, { describe: "the key works", accept: (said) => said === 200 });
  });

  test("C-15: what the command revokes, and a user who is disabled, are refused by both", async () => {
    const [one, two] = pair();
    const [key, kept] = [await make(one), await make(one)];
    const env = { KUBECONFIG: testVariable("KUBECONFIG"), ODIN_NAMESPACE: namespace.name };
    await runClockworkKey(["revoke", "--user", "root", "--id", key.id], env, () => {});
    await refused(one, key);
    await refused(two, key);
    const status = (text: string): Promise<string> => {
      const patch = JSON.stringify({ stringData: { status: text } });
      return kubectl("patch", "secret", userSecretName("root"), "--namespace", namespace.name, "-p", patch);
    };
    await status("disabled");
    for (const api of apis)
      await until(() => answer(api, kept), WAIT_MS, { describe: "he is shut out", accept: (said) => said === 401 });
    await status("enabled");
    for (const api of apis)
      await until(() => answer(api, kept), WAIT_MS, { describe: "he is let in", accept: (said) => said === 200 });
  });

  test.run();
}
