// timeout: 600
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomSource } from "../../support/random.ts";
import type { Answer } from "../../unit/api/served.ts";
import { ClockworkStage } from "./clockwork-stage.ts";

const test = suite("clockwork jobs over HTTP");
const ADA = { username: "ada", email: "ada@example.org" };
const BOB = { username: "bob" };
const ADMIN = { username: "boss" };
const LIMITED = { username: "limited" };
const NOW = Math.floor(Date.now() / 1000);
let stage: ClockworkStage;

test.before(async () => {
  try {
    stage = await ClockworkStage.open();
    await stage.user("ada", { email: "ada@example.org", nbr_items_per_page: "2" });
    await stage.user("bob", {});
    await stage.user("boss", { admin: "true" });
    await stage.user("limited", { admin: "true", clusters: "other" });
    await stage.record([
      // So far from each other that it does not matter how long this file takes.
      { number: 1, endTime: NOW - 1_000_000 },
      { number: 2, endTime: NOW - 100_000, name: "zeta" },
      { number: 10, endTime: NOW - 10_000, state: "FAILED", arrayJobId: "77" },
      { number: 4, clusterName: "other", state: "OUT_OF_MEMORY" },
      { number: 5, email: "bob", clusterUser: "bob" },
      { number: 6, email: null, clusterUser: null, owner: "" },
      { number: 7, email: "bob", clusterUser: "bob", jobId: "twice" },
      { number: 8, email: "bob", clusterUser: "bob", jobId: "twice", clusterName: "other" },
    ]);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await stage.close();
});

const idsOf = (answer: Answer): string[] => {
  assert.is(answer.status, 200, answer.text);
  const jobs = JSON.parse(answer.text) as { slurm: { job_id: string } }[];
  return jobs.map(({ slurm }) => slurm.job_id);
};
const found = async (query: string, user: { username: string; email?: string } = ADMIN): Promise<string[]> =>
  idsOf(await stage.ask(user, `/jobs/list?${query}`)).sort();

test("C-20, C-17: everybody sees his own jobs, an administrator all of them", async () => {
  assert.equal(await found("", ADA), ["1", "10", "2", "4"]);
  assert.equal(await found("", BOB), ["5", "twice", "twice"]);
  assert.equal(await found(""), ["1", "10", "2", "4", "5", "6", "twice", "twice"]);
});

test("C-18: clusters limit jobs, administrators' too", async () => {
  assert.equal(await found("", LIMITED), ["4", "twice"]);
  assert.equal(await found("cluster_name=main", LIMITED), []);
  assert.equal(await found("cluster_name=main,other", LIMITED), ["4", "twice"]);
});

test("C-31, C-32, C-33: filters, over HTTP", async () => {
  assert.equal(await found("username=bob"), ["5", "twice", "twice"]);
  assert.equal(await found("username="), []);
  assert.equal(await found("user=ada"), ["1", "10", "2", "4"]);
  assert.equal(await found("cluster_name=other"), ["4", "twice"]);
  assert.equal(await found("aggregated_job_state=FAILED"), ["10", "4"]);
  assert.equal(await found("aggregated_job_state=failed"), []);
  assert.equal(await found("job_state=FAILED&aggregated_job_state=nothing"), ["10"]);
  assert.equal(await found("job_id=1,%202,3"), ["1", "2"]);
  assert.equal(await found("job_array=77"), ["10"]);
  assert.equal(await found("time=500000", ADA), ["10", "2"]);
  assert.equal(await found("time=500000&relative_time=50000.5", ADA), ["10"]);
  const bad = await stage.ask(ADA, "/jobs/list?time=x");
  assert.equal([bad.status, bad.text], [400, `"Field 'time' cannot be cast as a valid integer: x."\n`]);
});

test("C-31, C-38: notes are searched and shown for those whose they are", async () => {
  const key = { email: "ada@example.org", jobId: "2", clusterName: "main" };
  await stage.store.userData.setProps(key, '{"goal":"paper","n":12345678901234567890}', 1e9);
  const query = "user_prop_name=goal&user_prop_content=paper";
  assert.equal(await found(query, ADA), ["2"]);
  assert.equal(await found(query, BOB), []);
  assert.equal(await found(query), ["2"]);
  assert.equal(await found("user_prop_name=goal&user_prop_content=pap%25", ADA), []);
  const answer = await stage.ask(ADA, "/jobs/list?want_user_props=true");
  const props = (JSON.parse(answer.text) as { slurm: { job_id: string }; job_user_props?: object }[]).flatMap((job) =>
    job.job_user_props === undefined ? [] : [job.slurm.job_id],
  );
  assert.equal(props, ["2"]);
  const one = await stage.ask(ADA, "/jobs/one?job_id=2&want_user_props=1");
  assert.match(one.text, '"job_user_props":{"goal":"paper","n":12345678901234567890},"slurm":');
  assert.not.match((await stage.ask(ADA, "/jobs/one?job_id=2")).text, "job_user_props");
});

test("C-34: a user who names somebody else gets nothing, and an empty name is himself", async () => {
  assert.equal(await found("username=bob", ADA), []);
  assert.equal(await found("user=bob", ADA), []);
  assert.equal(await found("username=", ADA), ["1", "10", "2", "4"]);
  const counted = await stage.ask(ADA, "/jobs/list?username=bob&want_count=true");
  assert.is(counted.text, '{"jobs":[],"nbr_total_jobs":0}\n');
  const paged = await stage.ask(ADA, "/jobs/list?username=bob&want_count=true&page_num=1");
  assert.is(paged.text, '{"jobs":[],"nbr_total_jobs":0}\n');
});

test("C-35, C-36, C-37: pages, their size and order, and the count beside them", async () => {
  const page = async (query: string): Promise<string[]> => idsOf(await stage.ask(ADA, `/jobs/list?${query}`));
  assert.equal(await page("page_num=1&sort_by=job_id&sort_asc=1"), ["1", "10"]);
  assert.equal(await page("page_num=2&sort_by=job_id&sort_asc=1"), ["2", "4"]);
  assert.equal(await page("page_num=3"), []);
  assert.equal(await page("page_num=9007199254740992&nbr_items_per_page=9007199254740992"), []);
  assert.equal(await page("nbr_items_per_page=3&sort_by=name&sort_asc=-1"), ["2", "1", "10"]);
  assert.equal(await page("nbr_items_per_page=9007199254740992"), ["10", "4", "2", "1"]);
  const counted = await stage.ask(ADA, "/jobs/list?page_num=1&want_count=1");
  assert.equal([counted.json.nbr_total_jobs, (counted.json.jobs as object[]).length], [4, 2]);
  const beyond = await stage.ask(ADA, "/jobs/list?page_num=50&want_count=1");
  assert.is(beyond.text, '{"jobs":[],"nbr_total_jobs":4}\n');
  const all = await stage.ask(ADA, "/jobs/list?want_count=1&sort_by=ignored");
  assert.equal([all.json.nbr_total_jobs, (all.json.jobs as object[]).length], [4, 4]);
  const bad = await stage.ask(ADA, "/jobs/list?page_num=1&sort_by=x");
  assert.equal([bad.status, bad.text], [400, '"Invalid sort_by: x."\n']);
});

test("C-38: times in ISO 8601 on request", async () => {
  await stage.record([
    { number: 20, startTime: null, endTime: null, state: "PENDING", submitTime: 1_580_804_575, ended: true },
  ]);
  const answer = await stage.ask(ADA, "/jobs/one?job_id=20&time_format=iso");
  const { slurm } = answer.json as { slurm: Record<string, unknown> };
  assert.equal(
    [slurm.submit_time, slurm.start_time, slurm.end_time],
    ["2020-02-04T08:22:55+00:00", "Unknown", "Unknown"],
  );
});

test("C-21, C-40, C-41: one job, or none that can be told from none at all", async () => {
  const one = async (query: string, user: { username: string; email?: string } = ADA): Promise<[number, string]> => {
    const answer = await stage.ask(user, `/jobs/one?${query}`);
    return [answer.status, answer.text];
  };
  assert.is(((await stage.ask(ADA, "/jobs/one?job_id=2")).json.slurm as { job_id: string }).job_id, "2");
  assert.equal(await one("cluster_name=main"), [400, '"Missing argument job_id."\n']);
  for (const none of [
    "job_id=",
    "job_id=1,2",
    "job_id=nothing",
    "job_id=5",
    "job_id=1&cluster_name=other",
    "job_id=%00",
  ])
    assert.equal(await one(none), [200, "{}\n"], none);
  const text = '"Found 2 jobs with job_id twice. Not sure what to do about these cases."\n';
  assert.equal(await one("job_id=twice", BOB), [500, text]);
  assert.is((await one("job_id=twice&cluster_name=main,nowhere", BOB))[0], 200);
  assert.is((await one("job_id=twice", LIMITED))[0], 200);
});

test("C-40: a body of a GET is never read", async () => {
  const options = { headers: { "content-type": "application/json", "content-length": "14" }, body: '{"job_id":"2"}' };
  const answer = await stage.ask(ADA, "/jobs/one", options);
  assert.equal([answer.status, answer.text], [400, '"Missing argument job_id."\n']);
});

const TEXTS = [
  "'",
  "%",
  "_",
  ".*",
  "\0",
  "a' OR 1=1 --",
  "__proto__",
  "9".repeat(30),
  "-1",
  "1e9",
  "ä",
  "",
  ",",
  "\\",
  '"',
  "nan",
].map(encodeURIComponent);
const ESCAPES = ["%zz", "%", "%ff", "%c3%28", "%ED%A0%80"];
const NAMES = [
  ...[
    "username",
    "user",
    "cluster_name",
    "time",
    "relative_time",
    "aggregated_job_state",
    "job_state",
    "job_id",
    "job_array",
  ],
  ...["user_prop_name", "user_prop_content", "page_num", "nbr_items_per_page", "want_count", "sort_by", "sort_asc"],
  ...["time_format", "want_user_props"],
];

test("C-7: hostile texts in every parameter are data: a documented answer, and never a fault", async () => {
  const random = randomSource(20260722);
  for (let round = 0; round < 200; round++) {
    const pairs = Array.from(
      { length: random.integer(1, 4) },
      () => `${random.pick(NAMES)}=${random.pick(random.integer(1, 5) === 1 ? ESCAPES : TEXTS)}`,
    );
    const path = `/jobs/${random.pick(["list", "list", "list", "one"])}?${pairs.join("&")}`;
    const answer = await stage.ask(random.pick([ADA, ADMIN]), path);
    assert.ok([200, 400].includes(answer.status), `${path}: ${answer.status} ${answer.text}`);
    assert.is(answer.headers["content-type"], "application/json");
    if (answer.status === 400) assert.type(JSON.parse(answer.text), "string");
  }
});

test("C-31, C-5: a list of thousands is whole, and the first job of each id is there once", async () => {
  const many = Array.from({ length: 3_000 }, (_, at) => ({ number: 1000 + at, email: "many", clusterUser: "many" }));
  for (let at = 0; at < many.length; at += 500) await stage.record(many.slice(at, at + 500));
  assert.is(new Set(await found("username=many")).size, 3_000);
  assert.is(new Set(await found("username=many&nbr_items_per_page=2500")).size, 2_500);
});

test("C-36: a list and its count are of one moment while jobs come, change and go, with pages and without", async () => {
  const own = (
    number: number,
  ): { number: number; email: string; clusterUser: string; state: string; endTime: null } => ({
    ...{ number, email: "moving", clusterUser: "moving" },
    ...{ state: "RUNNING", endTime: null },
  });
  const COUNT = 1_500;
  const first = Array.from({ length: COUNT }, (_, at) => own(10_000 + at));
  for (let at = 0; at < COUNT; at += 500) await stage.record(first.slice(at, at + 500));
  let isOver = false;
  let written = 0;
  const write = async (): Promise<void> => {
    for (; !isOver; written += 20) {
      const at = written % COUNT;
      const ended = { state: "COMPLETED", observed: 20, endTime: NOW - written };
      await stage.record(first.slice(at, at + 20).map((job) => ({ ...job, ...ended })));
      await stage.record(Array.from({ length: 5 }, (_, n) => own(20_000 + written + n)));
    }
  };
  const writing = write();
  try {
    for (const query of [
      "",
      "&nbr_items_per_page=100000&sort_by=end_time",
      "&nbr_items_per_page=100000&sort_by=job_state",
    ]) {
      const before = written;
      for (let round = 0; round < 3 || written === before; round++) {
        const { status, text } = await stage.ask(ADMIN, `/jobs/list?username=moving&want_count=true${query}`);
        assert.is(status, 200, text);
        const { jobs, nbr_total_jobs } = JSON.parse(text) as {
          jobs: { slurm: { job_id: string } }[];
          nbr_total_jobs: number;
        };
        assert.is(jobs.length, nbr_total_jobs, query);
        const ids = new Set(jobs.map(({ slurm }) => slurm.job_id));
        assert.is(ids.size, jobs.length, query);
        for (const { number } of first) assert.ok(ids.has(String(number)), `${query}: ${number}`);
      }
    }
  } finally {
    isOver = true;
    await writing;
  }
});

test("C-76: a job has exactly its parts, and the caller's notes only where they were asked for and there are some", async () => {
  const partsOf = async (query: string): Promise<string[][]> => {
    const { text } = await stage.ask(ADA, `/jobs/list?job_id=1,2,10&${query}`);
    return (JSON.parse(text) as object[]).map((job) => Object.keys(job)).sort((a, b) => a.length - b.length);
  };
  const parts = ["cw", "slurm", "user"];
  const noted = await partsOf("want_user_props=true");
  assert.equal(await partsOf(""), [parts, parts, parts]);
  assert.equal(noted.at(0), parts);
  assert.equal(noted.at(-1), ["cw", "job_user_props", "slurm", "user"]);
  const { json } = await stage.ask(ADA, "/jobs/one?job_id=1");
  assert.equal([Object.keys(json), json.user], [parts, {}]);
});

test.run();
