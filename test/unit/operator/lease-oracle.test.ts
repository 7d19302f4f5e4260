import { suite } from "uvu";
import * as assert from "uvu/assert";
import { shardOf } from "../../../kube/shard.ts";
import type { AuditedRequest } from "../../support/audit-log.ts";
import { podsCreatedTwice, writesWithoutLease } from "../../support/lease-oracle.ts";

const oracle = suite("the oracle for writes without a lease");
const SHARDS = 2;
const options = { shards: SHARDS, namespace: "n", leaseSeconds: 9 };
const lease = shardOf("n/run", SHARDS) === 0 ? "odin-operator" : "odin-operator-1";

function request(by: string, at: number, resource: string, name: string, more: Partial<AuditedRequest> = {}) {
  return { verb: "update", resource, name, userAgent: `odin-operator (${by})`, code: 200, at, ...more };
}

oracle("I-8: what the holder writes in time is right", () => {
  const requests = [
    request("a", 0, "leases", lease),
    request("a", 5_000, "pods", "run--task", { verb: "create", code: 201 }),
    request("a", 6_000, "leases", lease),
    request("a", 11_000, "pipelines", "run", { verb: "patch", subresource: "status" }),
    request("b", 11_500, "pods", "run--task", { verb: "get" }),
    request("b", 11_600, "leases", lease, { code: 409 }),
    request("a", 11_700, "pipelines", "run", { verb: "patch" }),
    { ...request("somebody", 11_800, "pipelines", "run"), userAgent: "kubectl" },
  ];
  assert.equal(writesWithoutLease(requests, options), []);
});

oracle("I-8: writes of nobody, of another and after the time are found", () => {
  const found = (...requests: AuditedRequest[]): number => writesWithoutLease(requests, options).length;
  const held = request("a", 0, "leases", lease);
  assert.is(found(request("a", 1, "pipelines", "run")), 1);
  assert.is(found(held, request("b", 1, "pods", "run--task", { verb: "delete" })), 1);
  assert.is(found(held, request("b", 1, "leases", lease), request("a", 2, "pipelines", "run")), 1);
  assert.is(found(held, request("a", 9_001, "pipelines", "run")), 1);
  const other = lease === "odin-operator" ? "odin-operator-1" : "odin-operator";
  assert.is(found(request("a", 0, "leases", other), request("a", 1, "pipelines", "run")), 1, "another shard's lease");
});

oracle("I-1: a pod that is created twice is found, a refused creation is not one", () => {
  const create = (code: number): AuditedRequest => request("a", 1, "pods", "run--task", { verb: "create", code });
  assert.equal(podsCreatedTwice([create(201), create(409)]), []);
  assert.equal(podsCreatedTwice([create(201), create(201)]), ["run--task"]);
});
oracle.run();
