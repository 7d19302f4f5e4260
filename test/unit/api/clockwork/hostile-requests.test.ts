// timeout: 900
import { join } from "node:path";
import { suite, type Test } from "uvu";
import * as assert from "uvu/assert";
import { jobRoutes } from "../../../../api/clockwork/jobs/routes.ts";
import { JsonWork } from "../../../../api/clockwork/json-work/json-work.ts";
import { userDataRoutes } from "../../../../api/clockwork/user-data/routes.ts";
import { openStore, type Store, type StoreLocation } from "../../../../store/store.ts";
import { PostgresServer } from "../../../support/postgres-server.ts";
import { skip } from "../../../support/skip.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";
import { jobRecord } from "../../store/job-records-cases.ts";
import { type Answer, send } from "../served.ts";
import { basic, clockworkUser, keyOf, type ServedClockwork, serveClockwork } from "./served-clockwork.ts";

const MIB = 1024 * 1024;
const JOBS = 5;
/** Requests of others that must be answered while one that takes long is worked on. */
const OTHERS = 20;
/** For the worst body, on a machine however busy. */
const LONG_MS = 600_000;

const directory = await temporaryDirectory();
const opened = await PostgresServer.open();
const inFile = cases(
  "a file",
  async () => ({ kind: "file", path: join(directory.path, "store.db") }),
  directory.remove,
);
const inPostgres = "cannot" in opened ? undefined : inDatabase(opened);

function inDatabase(server: PostgresServer): Test {
  return cases(
    "PostgreSQL",
    async () => ({ kind: "postgres", ...(await server.database()) }),
    () => server.remove(),
  );
}

function cases(name: string, place: () => Promise<StoreLocation>, remove: () => Promise<void>): Test {
  const test = suite(`hostile requests over ${name}`);
  let store: Store;
  let served: ServedClockwork;
  let work: JsonWork;

  test.before(async () => {
    work = new JsonWork({ deadlineMs: LONG_MS });
    store = openStore(await place(), work);
    const records = store.jobs;
    const routes = [
      ...jobRoutes({
        records,
        propsOf: (email, jobs) => store.userData.propsOf(email, jobs),
        pageSize: 25,
        timeZone: "UTC",
      }),
      ...userDataRoutes({ data: store.userData, records, work, quotaMib: 64, cluster: "main" }),
    ];
    served = await serveClockwork(routes, { users: [clockworkUser("me", { admin: true })], work });
    const owner = { email: "me", clusterUser: "me", owner: "me" };
    await records.upsert(
      Array.from({ length: JOBS }, (_, n) => jobRecord(n, { ...owner, state: "RUNNING", endTime: null })),
    );
  });
  test.after(async () => {
    await served.listener.close(0);
    await work.stop();
    await store.close();
    await remove();
  });

  const ask = (method: string, path: string, more: { headers?: Record<string, string>; body?: string | Buffer } = {}) =>
    send(served.port, method, `/api/v1/clusters/jobs${path}`, {
      ...more,
      headers: { ...basic("me", keyOf("me")), ...more.headers },
    });
  const put = (path: string, type: string, body: string | Buffer): Promise<Answer> =>
    ask("PUT", path, { headers: { "content-type": type }, body });
  const set = (body: string | Buffer): Promise<Answer> => put("/user_props/set", "application/json", body);
  const props = (updates: string, more = ""): string =>
    `{"job_id":"1","cluster_name":"main"${more},"updates":${updates}}`;

  test(`C-7, C-31 to C-37, C-40: values that mean something to databases, patterns and programs get their answer, over ${name}`, async () => {
    const everything = JOBS;
    const bad = (text: string): [number, string] => [400, text];
    const cases: [query: string, answer: number | [number, string]][] = [
      ["job_id=%27%20OR%201=1%20--", 0],
      ["job_id=1%27;DROP%20TABLE%20clockwork_job;--", 0],
      ["job_id=%00", 0],
      ["job_id=1%00", 0],
      ["job_id=1,%00,2", 2],
      ["job_id=%ED%A0%80", 0],
      ["job_id=%ff%fe", 0],
      ["job_id=.*", 0],
      [`job_id=${"9".repeat(4000)}`, 0],
      [`job_id=${Array.from({ length: 2500 }, (_, n) => n).join(",")}`, JOBS],
      ["username=%25", 0],
      ["username=_e", 0],
      ["username=%00", 0],
      ["user=%ED%BF%BF%00", 0],
      ["user=%F0%28%8C%28", 0],
      ["cluster_name=%00", 0],
      ["job_state=RUNNING%00", 0],
      ["job_state=%27", 0],
      ["aggregated_job_state=__proto__", 0],
      ["job_array=99999999999999999999999999", everything],
      ["job_array=-9007199254740992", 0],
      ["job_array=0", everything],
      ["user_prop_name=%00&user_prop_content=%ED%A0%80", 0],
      [`user_prop_name=${"n".repeat(5000)}&user_prop_content=${"%27".repeat(1000)}`, 0],
      // Times: of the future, beyond all integers, and both ways at once. What has not ended stays in each of them.
      ["time=-99999999999999999999999999", everything],
      ["time=99999999999999999999999999", everything],
      ["time=10&relative_time=-10", everything],
      ["relative_time=-1e308", everything],
      ["relative_time=1e308", everything],
      ["relative_time=1e309", bad("Field 'relative_time' cannot be cast as a valid float: 1e309.")],
      ["relative_time=nan", bad("Field 'relative_time' cannot be cast as a valid float: nan.")],
      ["time=", bad("Field 'time' cannot be cast as a valid integer: .")],
      ["time=1;DROP", bad("Field 'time' cannot be cast as a valid integer: 1;DROP.")],
      ["time=0x10", bad("Field 'time' cannot be cast as a valid integer: 0x10.")],
      // Pages that nobody has.
      ["page_num=9007199254740991&nbr_items_per_page=9007199254740991", 0],
      ["page_num=1&nbr_items_per_page=9007199254740991", everything],
      ["page_num=9007199254740993", everything],
      ["page_num=99999999999999999999999999", everything],
      ["page_num=-9007199254740991&nbr_items_per_page=-1", everything],
      ["page_num=1e3", everything],
      ["page_num=2", 0],
      ["page_num=1&sort_by=job_id;DROP", bad("Invalid sort_by: job_id;DROP.")],
      ["page_num=1&sort_by=__proto__", bad("Invalid sort_by: __proto__.")],
      ["page_num=1&sort_by=constructor", bad("Invalid sort_by: constructor.")],
      ["page_num=1&sort_by=%00", bad("Invalid sort_by: \0.")],
      ["page_num=1&sort_asc=99999999999999999999", everything],
    ];
    for (const [query, answer] of cases) {
      for (const counted of ["", "&want_count=true"]) {
        const { status, text } = await ask("GET", `/list?${query}${counted}`);
        const shown = `${query.slice(0, 80)}${counted}: ${text.slice(0, 300)}`;
        if (typeof answer !== "number") {
          assert.equal([status, JSON.parse(text)], answer, shown);
          continue;
        }
        assert.is(status, 200, shown);
        const list = JSON.parse(text) as unknown[] | { jobs: unknown[] };
        assert.is(Array.isArray(list) ? list.length : list.jobs.length, answer, shown);
      }
    }
    for (const id of ["%27%20OR%201=1--", "%00", "%ED%A0%80", "%ff", "1%00", "9".repeat(5000), "1,2"]) {
      const { status, text } = await ask("GET", `/one?job_id=${id}`);
      assert.equal([status, text], [200, "{}\n"], id.slice(0, 80));
    }
  });

  test(`C-46, C-50 to C-57: bodies of wrong types and shapes get their answer, over ${name}`, async () => {
    const lost = "' ; DROP TABLE clockwork_prop; --";
    const cases: [path: string, body: string | Buffer, status: number, text: RegExp][] = [
      ["/user_props/set", "", 400, /^Malformed JSON body\.$/],
      ["/user_props/set", "[]", 400, /^Expected a JSON object\.$/],
      ["/user_props/set", Buffer.from('{"job_id":"\xff"}', "latin1"), 400, /^Malformed JSON body\.$/],
      ["/user_props/set", Buffer.from("\ufeff{}"), 400, /^Malformed JSON body\.$/],
      ["/user_props/set", `{"a":${"[".repeat(200)}${"]".repeat(200)}}`, 400, /^Malformed JSON body\.$/],
      ["/user_props/set", "[".repeat(4 * MIB), 400, /^Malformed JSON body\.$/],
      ["/user_props/set", '{"a":'.repeat(MIB / 2), 400, /^Malformed JSON body\.$/],
      ["/user_props/set", '{"job_id":[],"cluster_name":"main"}', 400, /^Expected job_id to be a string\.$/],
      ["/user_props/set", '{"job_id":true,"cluster_name":"main"}', 400, /^Expected job_id to be a string\.$/],
      ["/user_props/set", '{"job_id":"1","cluster_name":{}}', 400, /^Expected cluster_name to be a string\.$/],
      ["/user_props/set", props('"a"'), 500, /^Expected `updates` to be a dict, .* <class 'str'>: a\.$/],
      ["/user_props/set", props("99999999999999999999"), 500, /^Expected .* <class 'int'>: 99999999999999999999\.$/],
      ["/user_props/set", props(`"${"x".repeat(3 * MIB)}"`), 500, /^Expected .* <class 'str'>: x{200}\.?/],
      [
        "/user_props/delete",
        '{"job_id":"1","cluster_name":"main","keys":{}}',
        500,
        /^Expected `keys` .*'dict'>: \{\}\.$/,
      ],
      ["/user_dict_update", '{"job_id":"1","update_pairs":[1]}', 500, /^Expected `update_pairs` .*'list'>: \[1\]\.$/],
      ["/user_dict_update", '{"job_id":"1\\u0000","update_pairs":{}}', 404, /^Job not found in database\.$/],
      ["/user_dict_update", '{"job_id":"\\ud800","update_pairs":{}}', 404, /^Job not found in database\.$/],
      ["/user_dict_update", `{"job_id":"1","update_pairs":"${"[".repeat(MIB)}"}`, 500, /^Failed to json\.loads/],
    ];
    for (const [path, body, status, text] of cases) {
      const answer = await put(path, "application/json", body);
      const shown = `${path} ${body.toString().slice(0, 80)}: ${answer.text.slice(0, 300)}`;
      assert.is(answer.status, status, shown);
      assert.match(String(JSON.parse(answer.text)), text, shown);
    }
    // What is unusual, and yet data: it comes back as it was, digit for digit.
    const odd = `{"":[],"\\u0000":"\\u0000","\\ud800":"\\udfff\\ud800","__proto__":{"$set":1},"e":1e400,"n":-${"9".repeat(400)},"${lost}":"%_.*"}`;
    for (const [path, body] of [
      ["/user_props/set", `{"job_id":"\\u0000'","cluster_name":"\\ud800","updates":${odd}}`],
      ["/user_dict_update", `{"job_id":"2","update_pairs":${odd}}`],
    ] as const) {
      const { status, text } = await put(path, "application/json", body);
      assert.is(status, 200, text);
      assert.match(text, `"n":-${"9".repeat(400)}`);
      assert.match(text, '"\\\\u0000":"\\\\u0000"'.replaceAll("\\\\", "\\"));
      assert.match(text, '"\\ud800":"\\udfff\\ud800"');
    }
    const whole = JSON.parse((await ask("GET", "/list")).text) as { user: object }[];
    assert.is(whole.length, JOBS);
    assert.ok(whole.some(({ user }) => Object.hasOwn(user, "__proto__")));
  });

  test(`C-9: what is too long is read and refused, up to 16 MiB and beyond, over ${name}`, async () => {
    const refusal = `"Request body too large: maximum 4194304 bytes."\n`;
    for (const size of [4 * MIB + 1, 15 * MIB]) {
      const { status, text } = await set(`{"a":"${"x".repeat(size - 8)}"}`);
      assert.equal([status, text], [413, refusal], String(size));
    }
    // Beyond that the sender may be cut off; others are not.
    await set(Buffer.alloc(40 * MIB, 0x20)).catch((error: NodeJS.ErrnoException) =>
      assert.match(error.code ?? "", /ECONNRESET|EPIPE/),
    );
    assert.is((await ask("GET", "/one?job_id=1")).status, 200);
  });

  const row = (count: number, make: (n: number) => string): string =>
    Array.from({ length: count }, (_, n) => make(n)).join(",");
  const large: [what: string, path: string, type: string, body: () => string, status: number][] = [
    [
      "hundreds of thousands of members",
      "/user_props/set",
      "application/json",
      () => props(`{${row(320_000, (n) => `"${(999_999 - n).toString(36)}":""`)}}`),
      500,
    ],
    [
      "as many notes as fit",
      "/user_props/set",
      "application/json",
      () => props(`{${row(100_000, (n) => `"${n.toString(36)}":"${n}"`)}}`),
      200,
    ],
    [
      "strangers beside what is wanted",
      "/user_props/set",
      "application/json",
      () => props("{}", `,${row(300_000, (n) => `"${n.toString(36)}":0`)}`),
      200,
    ],
    [
      "lists in lists",
      "/user_dict_update",
      "application/json",
      () => `{"job_id":"3","update_pairs":{"a":[${row(20_000, () => `${"[".repeat(90)}${"]".repeat(90)}`)}]}}`,
      500,
    ],
    [
      "a form of millions of fields",
      "/user_dict_update",
      "application/x-www-form-urlencoded",
      () => `${"job%5fjd&".repeat(450_000)}job_id=3&update_pairs=%7B%7D`,
      200,
    ],
    [
      "a million keys to delete",
      "/user_props/delete",
      "application/json",
      () => `{"job_id":"1","cluster_name":"main","keys":[${row(700_000, () => '"a"')}]}`,
      200,
    ],
  ];
  test(`C-6, C-9, C-57: while 4 MiB of the worst are worked on, requests of others are answered, over ${name}`, async () => {
    for (const [what, path, type, body, status] of large) {
      let answered = 0;
      let isDone = false;
      const answer = put(path, type, body()).finally(() => {
        isDone = true;
      });
      while (!isDone) {
        assert.is((await ask("GET", "/one?job_id=1")).status, 200);
        answered += 1;
      }
      const { status: is, text } = await answer;
      assert.is(is, status, `${what}: ${text.slice(0, 300)}`);
      assert.not.match(text, /^"Internal error/);
      assert.ok(answered >= OTHERS, `${what}: ${answered} requests of others`);
    }
  });

  return test;
}

inFile.run();
if ("cannot" in opened) skip("hostile requests over PostgreSQL", opened.cannot);
inPostgres?.run();
