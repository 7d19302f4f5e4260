import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AuditedRequest } from "../../support/audit-log.ts";
import { namesMade } from "../../support/made-pods.ts";

const made = suite("which pods the API server has made");

function request(verb: string, name: string, code: number, subresource?: string): AuditedRequest {
  const about = { resource: "pods", name, ...(subresource === undefined ? {} : { subresource }) };
  return { verb, code, userAgent: "odin-operator", at: 0, ...about };
}

made("those whose creation was answered count, gone or there; one that was refused does not", () => {
  const requests = [
    request("create", "a", 201),
    request("create", "b", 201),
    request("create", "a", 409),
    request("create", "c", 403),
    request("create", "a", 200, "binding"),
  ];
  assert.equal(namesMade(requests, ["a"]), ["a", "b"]);
});

made("one that was created twice counts twice", () => {
  const requests = [request("create", "a", 201), request("delete", "a", 200), request("create", "a", 201)];
  assert.equal(namesMade(requests, ["a"]), ["a", "a"]);
});

made("one whose creator went away before the answer counts once if it is there, and not if it is not", () => {
  const requests = [request("create", "a", 504), request("create", "b", 0), request("create", "a", 409)];
  assert.equal(namesMade(requests, ["a"]), ["a"]);
  assert.equal(namesMade([...requests, request("create", "b", 201)], ["b"]), ["b"]);
});

made("where the log cannot tell whether there was one pod or two, it says so", () => {
  for (const deletion of [request("delete", "a", 200), request("create", "a", 201, "eviction")]) {
    const requests = [request("create", "a", 504), deletion, request("create", "a", 201)];
    assert.throws(() => namesMade(requests, ["a"]), /pod a was deleted, and a creation of it not answered/);
  }
  assert.throws(() => namesMade([request("create", "a", 409)], ["a"]), /pod a is there, and nobody created it/);
});
made.run();
