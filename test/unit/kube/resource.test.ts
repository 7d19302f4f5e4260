import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeRequest, laneOf, withQuery } from "../../../kube/request-path.ts";
import { collectionPath, compareResourceVersions, keyOf, objectPath } from "../../../kube/resource.ts";

const POD = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true };
const NODE = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
const JOB = { group: "batch", version: "v1", plural: "jobs", kind: "Job", namespaced: true };

const paths = suite("paths");

paths("core, group, cluster-scoped and subresource paths", () => {
  assert.is(collectionPath(POD), "/api/v1/pods");
  assert.is(collectionPath(POD, "a"), "/api/v1/namespaces/a/pods");
  assert.is(collectionPath(JOB, "a"), "/apis/batch/v1/namespaces/a/jobs");
  assert.is(objectPath(NODE, undefined, "n1", "status"), "/api/v1/nodes/n1/status");
  assert.is(objectPath(POD, "a", "p", "log"), "/api/v1/namespaces/a/pods/p/log");
});

paths("a name cannot change the path", () => {
  assert.is(objectPath(POD, "a", "x/../y?z#é"), "/api/v1/namespaces/a/pods/x%2F..%2Fy%3Fz%23%C3%A9");
  assert.throws(() => objectPath(POD, "a", ".."), /cannot be the name/);
  assert.throws(() => objectPath(POD, "a", ""), /cannot be the name/);
  assert.throws(() => objectPath(POD, "", "p"), /cannot be the namespace/);
});

paths("a namespace must fit the scope", () => {
  assert.throws(() => objectPath(POD, undefined, "p"), /namespaced/);
  assert.throws(() => collectionPath(NODE, "a"), /cluster-scoped/);
});

paths("keys", () => {
  assert.is(keyOf({ namespace: "a", name: "b" }), "a/b");
  assert.is(keyOf({ name: "b" }), "b");
});

const versions = suite("resource versions");

versions("decimal integers of any length are ordered", () => {
  assert.is(compareResourceVersions("7", "7"), 0);
  assert.ok((compareResourceVersions("9", "10") ?? 0) < 0);
  assert.ok((compareResourceVersions("18446744073709551616", "18446744073709551615") ?? 0) > 0);
});

versions("anything else cannot be compared, except for equality", () => {
  assert.is(compareResourceVersions("abc", "abc"), 0);
  assert.is(compareResourceVersions("abc", "5"), undefined);
  assert.is(compareResourceVersions("", "5"), undefined);
  assert.is(compareResourceVersions("05", "6"), undefined);
});

const labels = suite("request labels");

labels("the resource is the plural and never a name", () => {
  const cases: [string, string, string, string][] = [
    ["GET", "/api/v1/namespaces/default/pods/my-pod/log", "get", "pods/log"],
    ["GET", "/api/v1/namespaces/default/pods", "list", "pods"],
    ["WATCH", "/apis/odin.io/v1/pipelines", "watch", "pipelines"],
    ["PATCH", "/apis/odin.io/v1/namespaces/a/pipelines/p/status", "patch", "pipelines/status"],
    ["POST", "/api/v1/namespaces", "create", "namespaces"],
    ["GET", "/api/v1/namespaces/kube-system", "get", "namespaces"],
    ["PUT", "/api/v1/namespaces/a/finalize", "update", "namespaces/finalize"],
    ["DELETE", "/api/v1/namespaces/a/pods", "deletecollection", "pods"],
    ["DELETE", "/api/v1/namespaces/a/pods/p", "delete", "pods"],
    ["GET", "/version", "get", "other"],
    ["GET", "/api/v1/Weird%2F", "list", "other"],
  ];
  for (const [method, path, verb, resource] of cases) {
    const label = describeRequest(method, path);
    assert.equal([label.verb, label.resource], [verb, resource], `${method} ${path}`);
  }
});

labels("lanes follow method and path", () => {
  assert.is(laneOf("POST", "pods"), "create");
  assert.is(laneOf("PATCH", "pipelines/status"), "status");
  assert.is(laneOf("DELETE", "pods"), "delete");
  assert.is(laneOf("POST", "events"), "event");
  assert.is(laneOf("PATCH", "jobs"), "other");
  assert.is(laneOf("GET", "pods"), "other");
});

labels("queries are encoded and undefined values left out", () => {
  assert.is(withQuery("/x", { a: "b c&d", e: undefined, f: true, g: 5 }), "/x?a=b%20c%26d&f=true&g=5");
  assert.is(withQuery("/x", {}), "/x");
});

paths.run();
versions.run();
labels.run();
