// timeout: 300
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isError, isReply, type UserDataStage, userDataStage } from "./user-data-stage.ts";

const MIB = 1024 * 1024;
const PATH = "/jobs/user_dict_update";
const test = suite("user_dict_update");
let stage: UserDataStage;

test.before(async () => {
  stage = await userDataStage();
  await stage.addJob("1");
  await stage.addJob("2");
  await stage.addJob("2", { clusterName: "other" });
  await stage.addJob("ended", { ended: true, state: "COMPLETED", endTime: 5 });
  await stage.addJob("mixed", { email: "me@example.org", clusterUser: "somebody" });
  await stage.addJob("cc", { ccUser: "me-cc" });
  await stage.addJob("nobody", { owner: "", email: null, clusterUser: null });
});
test.after(() => stage.close());

const query = (fields: Record<string, string>): string => `${PATH}?${new URLSearchParams(fields)}`;
const form = (fields: Record<string, string>, as = "me") =>
  stage.ask("PUT", PATH, {
    as,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields).toString(),
  });

test("C-22, C-45: query, form, multipart and JSON are taken, and the query wins", async () => {
  isReply(await stage.ask("PUT", query({ job_id: "1", update_pairs: '{"q": 1}' })), '{"q":1}');
  isReply(await form({ job_id: "1", cluster_name: "main", update_pairs: '{"f": 2.50}' }), '{"f":2.50,"q":1}');
  const boundary = "a-boundary";
  const part = (name: string, value: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const body = `${part("job_id", "1")}${part("update_pairs", '{"m":null}')}--${boundary}--\r\n`;
  const headers = { "content-type": `multipart/form-data; boundary=${boundary}` };
  isReply(await stage.ask("PUT", PATH, { headers, body }), '{"f":2.50,"m":null,"q":1}');
  isReply(await stage.put(PATH, { job_id: "1", update_pairs: { j: [1] } }), '{"f":2.50,"j":[1],"m":null,"q":1}');
  isReply(await stage.put(PATH, { job_id: "1", update_pairs: '{"q":0}' }), '{"f":2.50,"j":[1],"m":null,"q":0}');
  isReply(
    await stage.put(`${PATH}?job_id=1&update_pairs=${encodeURIComponent('{"q":9}')}`, {
      job_id: "no such job",
      update_pairs: { q: 8 },
    }),
    '{"f":2.50,"j":[1],"m":null,"q":9}',
  );
  // A body of another type is not read.
  const text = { "content-type": "text/plain" };
  isError(await stage.ask("PUT", PATH, { headers: text, body: '{"job_id":"1"}' }), 400, "Missing argument job_id.");
  isError(await stage.put(PATH, "{"), 400, "Malformed JSON body.");
  isError(await stage.put(PATH, "[]"), 400, "Expected a JSON object.");
});

test("C-46: each check with its text, in their order", async () => {
  isError(await stage.ask("PUT", PATH), 400, "Missing argument job_id.");
  isError(await form({ cluster_name: "nowhere", update_pairs: "x" }), 400, "Missing argument job_id.");
  isError(await stage.put(PATH, { job_id: null }), 400, "Missing argument job_id.");
  const noAccess = "It seems you have no access to the requested cluster(s).";
  isError(await form({ job_id: "none", cluster_name: "other" }, "limited"), 403, noAccess);
  isError(await form({ job_id: "none", cluster_name: "nowhere" }), 403, noAccess);
  isError(await form({ job_id: "1", cluster_name: "nowhere,no-such" }), 403, noAccess);
  const notFound = "Job not found in database.";
  for (const job_id of ["none", "", "1,2", "1%", "' OR 1=1 --", "\0", ".*"]) {
    isError(await form({ job_id }), 404, notFound);
  }
  isError(await form({ job_id: "1", cluster_name: "other" }), 404, notFound);
  isError(await form({ job_id: "1", cluster_name: "other, nowhere" }), 404, notFound);
  const several = "Found more than one job matching the criteria. This is probably not what was intended.";
  isError(await form({ job_id: "2" }), 500, several);
  isError(await form({ job_id: "2", cluster_name: " main , other " }, "eve"), 500, several);
  isError(await form({ job_id: "1" }, "eve"), 403, "This job belongs to another user and not eve@example.org.");
  isError(await form({ job_id: "1" }), 500, "Missing 'update_pairs' from arguments.");
  isError(await stage.put(PATH, { job_id: "1", update_pairs: null }), 500, "Missing 'update_pairs' from arguments.");
  for (const pairs of ["", "{", "NaN", '{"a":NaN}', "{'a':1}", `${"[".repeat(201)}${"]".repeat(201)}`]) {
    const answer = await form({ job_id: "1", update_pairs: pairs });
    assert.is(answer.status, 500, pairs);
    const text: unknown = JSON.parse(answer.text);
    assert.match(String(text), /^Failed to json\.loads\(update_pairs\)\. \n.+\.$/);
    assert.ok(String(text).length < 300);
  }
  const type = (name: string, shown: string): string =>
    `Expected \`update_pairs\` to be a dict, but instead it is of type <class '${name}'>: ${shown}.`;
  isError(await form({ job_id: "1", update_pairs: "[1, 2]" }), 500, type("list", "[1,2]"));
  isError(await form({ job_id: "1", update_pairs: "null" }), 500, type("NoneType", "null"));
  isError(await form({ job_id: "1", update_pairs: '"text"' }), 500, type("str", "text"));
  isError(await stage.put(PATH, { job_id: "1", update_pairs: 1.5 }), 500, type("float", "1.5"));
  isError(await stage.put(PATH, { job_id: true }), 400, "Expected job_id to be a string.");
});

test("C-46, C-57: beyond the limit nothing is stored; no change and an empty one are good", async () => {
  const before = (await form({ job_id: "1", update_pairs: "{}" })).text.trimEnd();
  const big = { k: "x".repeat(2 * MIB) };
  const answer = await stage.put(PATH, { job_id: "1", update_pairs: big });
  assert.is(answer.status, 500);
  const size = String(('{"k": ""}'.length + 2 * MIB) / MIB);
  assert.match(
    String(JSON.parse(answer.text)),
    new RegExp(`^Too huge user dict: maximum 2\\.0 Mbytes \\(previous: 0\\.\\d+ Mbytes, updates: ${size} Mbytes\\)$`),
  );
  isReply(await form({ job_id: "1", update_pairs: "{}" }), before);
  isReply(await form({ job_id: "1", update_pairs: '{"q":9}' }), before);
});

test("C-47: all names that the job has must be the caller's, an administrator's too; who may not see it learns no name", async () => {
  const pairs = { update_pairs: '{"a":1}' };
  isError(
    await form({ job_id: "1", ...pairs }, "boss"),
    403,
    "This job belongs to me@example.org and not boss@example.org.",
  );
  isError(await form({ job_id: "mixed", ...pairs }), 403, "This job belongs to somebody and not me.");
  isError(await form({ job_id: "cc", ...pairs }), 403, "This job belongs to me-cc and not None.");
  isReply(await form({ job_id: "nobody", ...pairs }, "boss"), '{"a":1}');
  isError(await form({ job_id: "nobody", ...pairs }), 403, "This job belongs to another user and not me@example.org.");
});

test("C-48: the update wins, nested objects are replaced, null is a value, and no key goes", async () => {
  const update = (pairs: string) => form({ job_id: "2", cluster_name: "main", update_pairs: pairs });
  isReply(await update('{"a":{"x":1},"b":1}'), '{"a":{"x":1},"b":1}');
  isReply(await update('{"a":{"y":2},"b":null}'), '{"a":{"y":2},"b":null}');
  isReply(await update('{"__proto__":[]}'), '{"__proto__":[],"a":{"y":2},"b":null}');
});

test("C-48: 50 writers of 50 keys each: all keys are there", async () => {
  await Promise.all(
    Array.from({ length: 50 }, async (_, writer) => {
      for (let count = 0; count < 50; count++) {
        const pairs = JSON.stringify({ [`${writer}-${count}`]: count });
        assert.is((await form({ job_id: "2", cluster_name: "other", update_pairs: pairs })).status, 200);
      }
    }),
  );
  const answer = await form({ job_id: "2", cluster_name: "other", update_pairs: "{}" });
  assert.is(Object.keys(answer.json).length, 2_500);
});

test("C-49, C-85: jobs that have ended can be changed as long as they are kept, and notes of users stay when they go", async () => {
  isReply(await form({ job_id: "ended", update_pairs: '{"a":1}' }), '{"a":1}');
  // What is seen of the pod later leaves it alone.
  await stage.addJob("ended", { ended: true, state: "COMPLETED", endTime: 5, observed: 2, slurm: '{"n":1}' });
  isReply(await form({ job_id: "ended", update_pairs: "{}" }), '{"a":1}');
  const note = { job_id: "ended", cluster_name: "main", updates: { tag: "best" } };
  isReply(await stage.put("/jobs/user_props/set", note), '{"tag":"best"}');
  await stage.store.jobs.purge(10, 100);
  isError(await form({ job_id: "ended", update_pairs: "{}" }), 404, "Job not found in database.");
  isReply(await stage.ask("GET", "/jobs/user_props/get?job_id=ended&cluster_name=main"), '{"tag":"best"}');
});

test.run();
