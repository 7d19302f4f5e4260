// timeout: 1800
import { randomBytes } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createConnection, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Bucket, type BucketLocation } from "../../../store/bucket.ts";
import type { EmbeddedSql } from "../../../store/embedded.ts";
import { LogArchive } from "../../../store/log-archive.ts";
import { RunArchive } from "../../../store/run-archive.ts";
import type { StoreProblem } from "../../../store/store-problem.ts";
import { BucketServer } from "../../support/bucket-server.ts";
import { until, within } from "../../support/deadline.ts";
import { skip } from "../../support/skip.ts";
import { logArchiveCases } from "./log-archive-cases.ts";
import { embeddedStores, logOwnerOf, problemOf } from "./store-cases.ts";

const WAIT_MS = 60_000;
const opened = await BucketServer.open();
if ("cannot" in opened) skip("file", `no S3 server: ${opened.cannot}`);
else tests(opened);

function tests(server: BucketServer): void {
  const test = suite("logs in a bucket");
  const stores = embeddedStores(test);
  const at = (name: string): EmbeddedSql => stores.open(`${name}.db`);
  const filesOf = async (bucket: string): Promise<string[]> => {
    const all = await readdir(server.path(bucket), { recursive: true, withFileTypes: true });
    return all.filter((entry) => entry.isFile()).map(({ name }) => name);
  };
  const save = (logs: LogArchive, podUid: string, text: Buffer | string, state: "whole" | "partial" = "whole") =>
    logs.save(logOwnerOf(podUid), { text: Buffer.from(text), dropped: 0 }, state);

  test.after(async () => {
    await server.remove();
  });

  logArchiveCases(
    test,
    async () => at("cases"),
    () => server.bucket("cases").then((location) => new Bucket(location)),
  );

  test("objects come back byte by byte, go, and are not missed twice", async () => {
    const bucket = new Bucket(await server.bucket("plain"));
    const bytes = randomBytes(3_000_000);
    await bucket.put("a b/ü+%?#.gz", bytes);
    assert.ok((await bucket.get("a b/ü+%?#.gz"))?.equals(bytes));
    await bucket.put("a b/ü+%?#.gz", Buffer.from("less"));
    assert.is((await bucket.get("a b/ü+%?#.gz"))?.toString(), "less");
    assert.is(await bucket.get("a b/nothing"), undefined);
    await bucket.remove("a b/ü+%?#.gz");
    await bucket.remove("a b/ü+%?#.gz");
    assert.is(await bucket.get("a b/ü+%?#.gz"), undefined);
  });

  test("O-225: texts lie in the bucket, compressed, and the rest in the store; a better one takes the same place", async () => {
    const sql = at("place");
    const logs = new LogArchive(sql, Date.now, new Bucket(await server.bucket("place")));
    await save(logs, "one", "begin\n", "partial");
    await save(logs, "one", "begin\nend\n");
    await save(logs, "one", "less\n", "partial");
    assert.is((await logs.text("one"))?.toString(), "begin\nend\n");
    assert.equal(await filesOf("place"), ["one.log.gz"]);
    assert.equal(await sql.read({ text: "SELECT log, place FROM pod_log" }), [{ log: null, place: "ns/r/one.log.gz" }]);
    const without = new LogArchive(sql);
    assert.match((await problemOf(without.text("one"))).message, "--log-store");
  });

  test("O-211: what is removed from the store is removed from the bucket, also where that did not work at once", async () => {
    const sql = at("removed");
    const location = await server.bucket("removed");
    const logs = new LogArchive(sql, Date.now, new Bucket(location));
    await save(logs, "one", "x");
    await save(logs, "two", "y");
    const wrong = new LogArchive(sql, Date.now, new Bucket({ ...location, key: "wrong" }));
    await new RunArchive(sql).remove({ uid: "r", namespace: "ns", name: "run" });
    assert.is((await problemOf(wrong.sweepBlobs())).kind, "unavailable");
    assert.equal((await filesOf("removed")).sort(), ["one.log.gz", "two.log.gz"]);
    assert.is(await logs.sweepBlobs(), 2);
    assert.equal(await filesOf("removed"), []);
    assert.is(await logs.sweepBlobs(), 0);
  });

  test("logs that are too old leave the bucket, and one that is saved again stays", async () => {
    const logs = new LogArchive(at("old"), Date.now, new Bucket(await server.bucket("old")));
    await save(logs, "one", "x");
    await save(logs, "two", "y");
    assert.is(await logs.expire(Date.now() + 1000, "old"), 2);
    await save(logs, "two", "y");
    assert.is(await logs.sweepBlobs(), 1);
    assert.equal(await filesOf("old"), ["two.log.gz"]);
    assert.is((await logs.text("two"))?.toString(), "y");
  });

  test("F-37: wrong keys, no bucket and a wrong clock are named with what to do, and no key is shown", async () => {
    const location = await server.bucket("wrong");
    const put = (change: Partial<BucketLocation>): Promise<StoreProblem> =>
      problemOf(new Bucket({ ...location, ...change }).put("x", Buffer.from("y")));
    const cases: [Partial<BucketLocation>, RegExp][] = [
      [{ key: "wrong" }, /SignatureDoesNotMatch.*key and its id/],
      [{ keyId: "nobody" }, /key and its id/],
      [{ bucket: "nowhere" }, /NoSuchBucket.*create the bucket/],
      [{ keyFile: stores.path("nothing") }, /key file .*nothing.*ENOENT/],
    ];
    for (const [change, words] of cases) {
      const problem = await put(change);
      assert.is(problem.kind, "unavailable", problem.message);
      assert.match(problem.message, words);
      assert.not.match(problem.message, "the very secret key");
    }
    const RealDate = globalThis.Date;
    try {
      globalThis.Date = class extends RealDate {
        constructor(...args: []) {
          super(...args);
          if (args.length === 0) this.setTime(RealDate.now() - 3_600_000);
        }
      } as DateConstructor;
      const problem = await put({});
      assert.match(problem.message, /RequestTimeTooSkewed.*clock/);
    } finally {
      globalThis.Date = RealDate;
    }
  });

  test("the key comes from a file, which is read for each request", async () => {
    const keyFile = stores.path("key");
    const { key = "", ...location } = await server.bucket("key-file");
    const bucket = new Bucket({ ...location, keyFile });
    await writeFile(keyFile, "not yet");
    assert.is((await problemOf(bucket.put("x", Buffer.from("y")))).kind, "unavailable");
    await writeFile(keyFile, `${key}\n`);
    await bucket.put("x", Buffer.from("y"));
  });

  test("F-37: an object that somebody removed or changed is named, and nothing else suffers", async () => {
    const logs = new LogArchive(at("gone"), Date.now, new Bucket(await server.bucket("gone")));
    await save(logs, "one", "x");
    await save(logs, "two", "y");
    const [one, two] = ["one", "two"].map((name) => join(server.path("gone"), `some/where/ns/r/${name}.log.gz`));
    await rm(one ?? "");
    await writeFile(two ?? "", "no gzip");
    assert.match((await problemOf(logs.text("one"))).message, "not in s3://gone");
    assert.is((await problemOf(logs.text("two"))).kind, "damaged");
  });

  test("F-37: an upload that is cut half-way leaves nothing, and is repeated", () =>
    within(WAIT_MS, async () => {
      const location = await server.bucket("cut");
      const bytes = randomBytes(4_000_000);
      let passed = 0;
      let most = 1_000_000;
      // Cuts the connection after so many bytes on their way to the server.
      const proxy = createTcpServer((client) => {
        const upstream = createConnection(server.port, "127.0.0.1");
        client.on("data", (chunk) => {
          passed += chunk.length;
          if (passed > most) {
            client.destroy();
            upstream.destroy();
          } else upstream.write(chunk);
        });
        // What the server said before it closed the connection must all arrive, so its end is passed on and not its being closed.
        upstream.pipe(client);
        upstream.on("error", () => client.destroy());
        client.on("error", () => upstream.destroy());
        client.on("close", () => upstream.destroy());
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
      const { port } = proxy.address() as AddressInfo;
      // The signature covers the host, so the proxy is asked for by the name that the server has for itself.
      const logs = new LogArchive(
        at("cut"),
        Date.now,
        new Bucket({ ...location, endpoint: `http://127.0.0.1:${port}` }),
      );
      try {
        assert.is((await problemOf(save(logs, "one", bytes))).kind, "unavailable");
        assert.equal(await logs.ofRun("r"), []);
        // The server has a file of its own for an upload, and removes it when it has noticed that no more comes.
        const accept = (files: readonly string[]): boolean => files.length === 0;
        await until(() => filesOf("cut"), WAIT_MS, { describe: "nothing is left of the cut upload", accept });
        most = Number.POSITIVE_INFINITY;
        await save(logs, "one", bytes);
        assert.ok((await logs.text("one"))?.equals(bytes));
      } finally {
        proxy.close();
      }
    }));

  test("F-37: a server that answers with errors: it is told apart what helps", async () => {
    let status = 503;
    let code = "SlowDown";
    const playing: Server = createServer((request, response) => {
      request.resume();
      response.writeHead(status, { "content-type": "application/xml" });
      response.end(`<Error><Code>${code}</Code><Message>secret words</Message></Error>`);
    });
    await new Promise<void>((resolve) => playing.listen(0, "127.0.0.1", resolve));
    const { port } = playing.address() as AddressInfo;
    const location = await server.bucket("played");
    const bucket = new Bucket({ ...location, endpoint: `http://127.0.0.1:${port}` });
    try {
      for (const [answer, word, kind] of [
        [503, "SlowDown", "busy"],
        [403, "AccessDenied", "unavailable"],
        [507, "", "full"],
        [403, "QuotaExceeded", "full"],
        [500, "", "busy"],
        [302, "", "unavailable"],
      ] as const) {
        status = answer;
        code = word;
        assert.is((await problemOf(bucket.put("x", Buffer.from("y")))).kind, kind, `${answer} ${word}`);
      }
    } finally {
      playing.closeAllConnections();
      playing.close();
    }
  });

  test("F-37: one that never answers is given up, also where garbage is collected meanwhile", () =>
    within(WAIT_MS, async () => {
      setFlagsFromString("--expose-gc");
      const collect = runInNewContext("gc") as () => void;
      const collecting = setInterval(collect, 50);
      let beginning: string | undefined;
      const mute: Server = createServer((request, response) => {
        request.resume();
        if (beginning !== undefined) response.writeHead(200).write(beginning);
      });
      await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
      const { port } = mute.address() as AddressInfo;
      const location = await server.bucket("mute");
      const bucket = new Bucket({ ...location, endpoint: `http://127.0.0.1:${port}` }, 1_000);
      try {
        for (const part of [undefined, "half of"]) {
          beginning = part;
          assert.match((await problemOf(bucket.get("x"))).message, "no answer within 1 s");
        }
      } finally {
        clearInterval(collecting);
        mute.closeAllConnections();
        mute.close();
      }
    }));

  test("F-37: a server that is stopped, or hangs, and comes back", () =>
    within(WAIT_MS, async () => {
      const [sql, location] = [at("stopped"), await server.bucket("stopped")];
      const logs = new LogArchive(sql, Date.now, new Bucket(location));
      await save(logs, "one", "x");
      const thaw = await server.freeze();
      const hurried = new LogArchive(sql, Date.now, new Bucket(location, 1_000));
      assert.match((await problemOf(save(hurried, "two", "y"))).message, "no answer within 1 s");
      thaw();
      await server.stop();
      assert.is((await problemOf(save(logs, "two", "y"))).kind, "unavailable");
      await server.start();
      await until(() => save(logs, "two", "y").then(() => true), WAIT_MS, { describe: "it works again" });
      const text = await until(() => logs.text("two"), WAIT_MS, { describe: "the text can be read" });
      assert.is(text?.toString(), "y");
    }));

  test.run();
}
