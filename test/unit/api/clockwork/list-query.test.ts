import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Caller } from "../../../../api/clockwork/caller.ts";
import { ClockworkError } from "../../../../api/clockwork/clockwork-error.ts";
import { statesOf } from "../../../../api/clockwork/jobs/aggregate.ts";
import { isoTimeIn } from "../../../../api/clockwork/jobs/iso-time.ts";
import { type ListQuery, readListQuery } from "../../../../api/clockwork/jobs/list-query.ts";
import { boolean, integer, list, text } from "../../../../api/clockwork/query.ts";
import type { JobFilter } from "../../../../store/job-filter.ts";

const test = suite("clockwork parameters");
const ME: Caller = {
  username: "me",
  email: "me@x.org",
  ccAccountUsername: null,
  clusters: undefined,
  admin: false,
  pageSize: undefined,
  seesAll: false,
};
const ADMIN: Caller = { ...ME, admin: true, seesAll: true };
const NOW = 1_000_000;

const given = (query: string): URLSearchParams => new URLSearchParams(query);
const read = (query: string, caller: Caller = ADMIN): ListQuery =>
  readListQuery(given(query), caller, { now: NOW, pageSize: 25 });
const filter = (query: string, caller?: Caller): JobFilter => read(query, caller).filter;
const refusal = (query: string): string => {
  try {
    read(query);
  } catch (error) {
    if (error instanceof ClockworkError && error.status === 400) return error.message;
    throw error;
  }
  return "none";
};

test("C-7: the first of a repeated parameter counts; integers, lists and booleans", () => {
  const parameters = given("a=1&a=2&blank=a+b%20c&n=%20-12%20&plus=%2B7&big=9007199254740993&last=-9007199254740992");
  assert.is(text(parameters, "a"), "1");
  assert.is(text(parameters, "blank"), "a b c");
  assert.is(text(parameters, "missing"), undefined);
  assert.equal(
    ["n", "plus", "big", "last", "blank", "missing"].map((name) => integer(parameters, name)),
    [-12, 7, undefined, -(2 ** 53), undefined, undefined],
  );
  for (const bad of ["", "1.0", "1e3", "0x10", "--1", "1_0", "٣", "1 2", "NaN"])
    assert.is(integer(given(`n=${encodeURIComponent(bad)}`), "n"), undefined, bad);
  assert.equal(list(given("l=a,,%20b%20c%20,"), "l"), ["a", "bc"]);
  for (const none of ["", ",", "%20,%20"]) assert.is(list(given(`l=${none}`), "l"), undefined);
  for (const yes of ["true", "TRUE", "1", "True"]) assert.ok(boolean(given(`b=${yes}`), "b"), yes);
  for (const no of ["", "yes", "0", "false", "11", "true%20"]) assert.not.ok(boolean(given(`b=${no}`), "b"), no);
});

test("C-31: nothing given is no filter; unknown parameters are ignored", () => {
  assert.equal(read("unknown=1&want_json=yes"), {
    filter: {},
    wantCount: false,
    view: { isoTimes: false, userProps: false },
  });
});

test("C-31: each parameter becomes its filter, and all of them hold", () => {
  assert.equal(filter("username=a@x.org"), { email: "a@x.org" });
  assert.equal(filter("username="), { email: "" });
  assert.equal(filter("user=someone"), { anyUser: "someone" });
  for (const all of ["", "all", "*"]) assert.equal(filter(`user=${all}`), {}, all);
  assert.equal(filter("cluster_name=a, b,,"), { clusters: ["a", "b"] });
  assert.equal(filter("job_id=1,2,%203"), { jobIds: ["1", "2", "3"] });
  assert.equal(filter("job_array=0"), { arrayJobId: "0" });
  assert.equal(filter("job_array=-0"), { arrayJobId: "0" });
  assert.equal(filter("job_array=12"), { arrayJobId: "12" });
  assert.equal(filter("job_array=x"), {});
  assert.equal(filter("user_prop_name=a&user_prop_content=b"), { prop: { name: "a", content: "b" } });
  assert.equal(filter("user_prop_name=a&user_prop_content=b", ME).prop, { email: "me@x.org", name: "a", content: "b" });
  for (const half of ["user_prop_name=a", "user_prop_content=b", "user_prop_name=&user_prop_content=b"])
    assert.equal(filter(half), {});
  assert.equal(filter("username=a&job_id=1&cluster_name=c&job_state=RUNNING"), {
    email: "a",
    clusters: ["c"],
    states: ["RUNNING"],
    jobIds: ["1"],
  });
});

test("C-31, C-32: states of both parameters together; a word that is none leaves nothing to match", () => {
  assert.equal(filter("aggregated_job_state=COMPLETED").states, ["COMPLETED"]);
  assert.equal(filter("aggregated_job_state=COMPLETED&job_state=RUNNING,COMPLETED").states, ["COMPLETED", "RUNNING"]);
  assert.equal(filter("aggregated_job_state=completed").states, []);
  assert.equal(filter("aggregated_job_state=constructor,SOMETHING").states, []);
  assert.equal(filter("aggregated_job_state=").states, undefined);
  assert.ok(statesOf("FAILED").includes("OUT_OF_MEMORY") && statesOf("PENDING").includes("CONFIGURING"));
});

test("C-33: both windows hold; negative ones too; the texts of bad ones", () => {
  assert.is(filter("time=60").endedAfter, NOW - 60);
  assert.is(filter("time=%20-60%20").endedAfter, NOW + 60);
  assert.is(filter("relative_time=1.5e1").endedAfter, NOW - 15);
  assert.is(filter("relative_time=.5").endedAfter, NOW - 0.5);
  assert.is(filter("time=60&relative_time=30").endedAfter, NOW - 30);
  assert.is(filter(`time=${"9".repeat(400)}`).endedAfter, Number.NEGATIVE_INFINITY);
  for (const bad of ["", "1.5", "x", "1e3", "nan"])
    assert.is(refusal(`time=${bad}`), `Field 'time' cannot be cast as a valid integer: ${bad}.`);
  for (const bad of ["", "x", "nan", "inf", "-Infinity", "0x10", "1e999", ".", "e5"])
    assert.is(refusal(`relative_time=${bad}`), `Field 'relative_time' cannot be cast as a valid float: ${bad}.`);
  assert.is(refusal(`time=${"ä".repeat(500)}`), `Field 'time' cannot be cast as a valid integer: ${"ä".repeat(200)}.`);
});

test("C-17, C-34: under `own` a caller sees what is his, whoever he names", () => {
  assert.equal(filter("", ME), { owner: "me@x.org" });
  assert.equal(filter("username=", ME), { email: "me@x.org", owner: "me@x.org" });
  assert.equal(filter("username=other@x.org", ME), { email: "other@x.org", owner: "me@x.org" });
  assert.equal(filter("user=other", ME), { anyUser: "other", owner: "me@x.org" });
  assert.equal(filter("", { ...ME, seesAll: true }), {});
});

test("C-18: clusters that the caller has no access to drop out, for administrators too", () => {
  const limited = { ...ADMIN, clusters: ["a", "b"] };
  assert.equal(filter("", limited), { clusters: ["a", "b"] });
  assert.equal(filter("cluster_name=b,c", limited), { clusters: ["b"] });
  assert.equal(filter("cluster_name=c", limited), { clusters: [] });
  assert.equal(filter("cluster_name=", limited), { clusters: ["a", "b"] });
});

test("C-35: paging is active if one of both numbers is not zero", () => {
  const page = (query: string, caller?: Caller) => {
    const { limit, offset } = read(query, caller).page ?? {};
    return [limit, offset];
  };
  for (const off of ["", "page_num=0", "page_num=x&nbr_items_per_page=0", "page_num=1.5"])
    assert.equal(page(off), [undefined, undefined], off);
  assert.equal(page("page_num=3"), [25, 50]);
  assert.equal(page("page_num=3", { ...ME, pageSize: 7 }), [7, 14]);
  assert.equal(page("page_num=2&nbr_items_per_page=10"), [10, 10]);
  assert.equal(page("nbr_items_per_page=10"), [10, 0]);
  assert.equal(page("page_num=-4&nbr_items_per_page=-1"), [25, 0]);
  assert.equal(page("page_num=9007199254740992&nbr_items_per_page=9007199254740992")[0], 2 ** 53);
});

test("C-37: orders and their directions", () => {
  const order = (query: string) => read(`page_num=1&${query}`).page?.order;
  assert.equal(order(""), { by: "submit_time", ascending: false });
  for (const by of ["cluster_name", "user", "name", "job_state"])
    assert.is(order(`sort_by=${by}`)?.ascending, true, by);
  for (const by of ["job_id", "submit_time", "start_time", "end_time"])
    assert.is(order(`sort_by=${by}`)?.ascending, false, by);
  assert.equal(order("sort_by=job_id&sort_asc=1"), { by: "job_id", ascending: true });
  assert.equal(order("sort_by=user&sort_asc=-1"), { by: "user", ascending: false });
  assert.equal(order("sort_by=user&sort_asc=2"), { by: "user", ascending: true });
  assert.is(refusal("page_num=1&sort_by=nothing"), "Invalid sort_by: nothing.");
  assert.is(refusal("page_num=1&sort_by=constructor"), "Invalid sort_by: constructor.");
  assert.is(refusal("sort_by=nothing"), "none");
});

test("C-36, C-38: what is wanted beside the list", () => {
  assert.is(read("want_count=True").wantCount, true);
  assert.equal(read("time_format=iso&want_user_props=true").view, { isoTimes: true, userProps: true });
  assert.equal(read("time_format=ISO&want_user_props=yes").view, { isoTimes: false, userProps: false });
});

test("C-38: times in ISO 8601 with the offset of the zone, also around a change of the clocks", () => {
  assert.is(isoTimeIn("UTC")(1_580_804_575), "2020-02-04T08:22:55+00:00");
  const montreal = isoTimeIn("America/Toronto");
  assert.is(montreal(1_580_804_575), "2020-02-04T03:22:55-05:00");
  assert.is(montreal(1_583_650_799), "2020-03-08T01:59:59-05:00");
  assert.is(montreal(1_583_650_800), "2020-03-08T03:00:00-04:00");
  assert.is(isoTimeIn("Asia/Kathmandu")(0), "1970-01-01T05:30:00+05:30");
});

test("C-8: of several bad parameters the first of the table is told", () => {
  assert.match(refusal("sort_by=x&page_num=1&relative_time=x&time=x"), /'time'/);
  assert.match(refusal("sort_by=x&page_num=1&relative_time=x"), /'relative_time'/);
});

test.run();
