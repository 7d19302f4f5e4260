import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError } from "../../../../api/errors.ts";
import { readJobUpdate } from "../../../../api/odin/job-update.ts";

const test = suite("body of PUT /jobs/{id}");
const refusal = (body: unknown): string => {
  try {
    readJobUpdate(body);
  } catch (error) {
    if (error instanceof ApiError && error.code === "Invalid") return error.message;
    throw error;
  }
  return "taken";
};

test("O-47, O-102: wrapped and bare; what else a job has is ignored, null counts as absent", () => {
  const job = { id: "x", name: "y", location: "/z", creationTime: null, tasks: [{ name: "a" }], configs: null };
  const read = { tasks: [{ name: "a" }], configs: [] };
  assert.equal(readJobUpdate({ job }), read);
  assert.equal(readJobUpdate(job), read);
  assert.equal(readJobUpdate({ tasks: null }), { configs: [] });
  assert.equal(readJobUpdate({}), { configs: [] });
});

test("O-102, O-61: a file that GET showed cut is not written back", () => {
  const configs = [
    { id: "/data/pipelines/x/a.py", name: "a.py", content: "print()" },
    { name: "big.txt", content: "", truncated: true },
    { name: "empty.txt" },
  ];
  assert.equal(readJobUpdate({ configs }).configs, [
    { name: "a.py", content: "print()" },
    { name: "empty.txt", content: "" },
  ]);
});

test("O-102: what is no job is refused with the place", () => {
  assert.match(refusal([]), /^body: must be an object/);
  assert.match(refusal("x"), /^body: /);
  assert.match(refusal({ job: [] }), /^job: must be an object/);
  assert.match(refusal({ job: { tasks: {} } }), /^job\.tasks: must be a list/);
  assert.match(refusal({ configs: "x" }), /^configs: must be a list/);
  assert.match(refusal({ configs: [5] }), /^configs\[0\]: must be an object/);
  assert.match(refusal({ configs: [{ content: "x" }] }), /^configs\[0\]\.name: /);
  assert.match(refusal({ job: { configs: [{ name: "a", content: 5 }] } }), /^job\.configs\[0\]\.content: /);
  assert.match(refusal({ configs: [{ name: "main.yml", content: "" }] }), /tasks/);
});
test.run();
