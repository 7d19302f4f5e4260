import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type ErrorCategory,
  errorFromAnswer,
  errorFromNetwork,
  errorFromWatchStatus,
  isKubeError,
  KubeError,
} from "../../../kube/errors.ts";

const status = (fields: object) => JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", ...fields });

const classification = suite("classification of answers");

const TERMINATING = 'pods "a" is forbidden: unable to create new content in namespace x because it is being terminated';
const PATCH = "the server rejected our request due to an error in our request";
const cases: [string, number, object, ErrorCategory][] = [
  ["missing object", 404, { reason: "NotFound", message: 'pods "a" not found' }, "notFound"],
  ["taken name", 409, { reason: "AlreadyExists", message: "exists" }, "alreadyExists"],
  ["lost race (F-10)", 409, { reason: "Conflict", message: "modified" }, "conflict"],
  [
    "race on a quota's own status",
    409,
    { reason: "Conflict", message: "x", details: { kind: "resourcequotas" } },
    "transient",
  ],
  ["patch that does not apply", 422, { reason: "Invalid", message: PATCH, details: {} }, "conflict"],
  ["invalid object (F-15)", 422, { reason: "Invalid", message: "spec.x: required" }, "invalid"],
  ["bad request", 400, { reason: "BadRequest", message: "no" }, "invalid"],
  ["expired history (F-2)", 410, { reason: "Expired", message: "too old" }, "gone"],
  ["exceeded quota (F-12)", 403, { reason: "Forbidden", message: 'pods "a" is forbidden: exceeded quota: q' }, "quota"],
  ["namespace going away (F-29)", 403, { reason: "Forbidden", message: TERMINATING }, "notFound"],
  [
    "the same by its cause",
    403,
    { reason: "Forbidden", message: "x", details: { causes: [{ reason: "NamespaceTerminating" }] } },
    "notFound",
  ],
  ["RBAC (F-13)", 403, { reason: "Forbidden", message: 'User "x" cannot list' }, "forbidden"],
  ["no credentials (F-13)", 401, { reason: "Unauthorized", message: "Unauthorized" }, "unauthorized"],
  ["throttled (F-16)", 429, { reason: "TooManyRequests", message: "slow down" }, "throttled"],
  ["etcd's limit (F-27)", 500, { message: "etcdserver: request is too large" }, "tooLarge"],
  [
    "gRPC's limit (F-27)",
    500,
    { message: "rpc error: code = ResourceExhausted desc = trying to send message larger than max (3 vs. 2)" },
    "tooLarge",
  ],
  ["the API server's limit (F-27)", 413, { reason: "RequestEntityTooLarge", message: "limit is 3145728" }, "tooLarge"],
  ["etcd without a leader (F-17)", 500, { message: "etcdserver: leader changed" }, "transient"],
  ["time-out of the server (F-17)", 504, { reason: "Timeout", message: "timed out" }, "transient"],
  ["starting server", 503, { reason: "ServiceUnavailable", message: "starting" }, "transient"],
  ["method not allowed", 405, { reason: "MethodNotAllowed", message: "no" }, "other"],
];
for (const [title, code, fields, category] of cases) {
  classification(title, () => {
    const error = errorFromAnswer("POST /x", code, undefined, status({ code, ...fields }));
    assert.is(error.category, category);
    assert.is(error.code, code);
    assert.ok(error.message.startsWith("POST /x: "), error.message);
  });
}

classification("an error page of a proxy is kept short", () => {
  const error = errorFromAnswer("GET /x", 502, undefined, `<html>${"y".repeat(5_000)}</html>`);
  assert.is(error.category, "transient");
  assert.ok(error.message.length < 300, String(error.message.length));
});

classification("an empty body and broken JSON are survived", () => {
  assert.match(errorFromAnswer("GET /x", 503, undefined, "").message, /no message \(HTTP 503\)/);
  assert.match(errorFromAnswer("GET /x", 500, undefined, '{"kind":"Sta').message, /HTTP 500/);
});

classification("messages are bounded, on one line, and hold no token", () => {
  const message = `bad\n\u0007 Bearer eyJabc.def ${"z".repeat(9_000)}`;
  const error = errorFromAnswer("GET /x", 500, undefined, status({ message }));
  assert.ok(error.message.length < 1_100);
  assert.not.match(error.message, /eyJabc|\n|\u0007/);
});

classification("an ERROR event inside a watch (F-2)", () => {
  const error = errorFromWatchStatus("GET /x", { code: 410, reason: "Expired", message: "too old" });
  assert.is(error.category, "gone");
});

const waits = suite("Retry-After (F-16)");

waits("header in seconds, as a date, and details", () => {
  assert.is(errorFromAnswer("x", 429, "7", "").retryAfterMs, 7_000);
  const ms = errorFromAnswer("x", 503, new Date(Date.now() + 20_000).toUTCString(), "").retryAfterMs ?? 0;
  assert.ok(ms > 15_000 && ms <= 20_000, String(ms));
  const body = status({ code: 429, details: { retryAfterSeconds: 3 } });
  assert.is(errorFromAnswer("x", 429, undefined, body).retryAfterMs, 3_000);
  assert.is(errorFromAnswer("x", 429, "2", body).retryAfterMs, 2_000, "the header wins");
});

waits("nonsense is ignored and an absurd wait is cut", () => {
  assert.is(errorFromAnswer("x", 429, "soon", "").retryAfterMs, undefined);
  assert.is(errorFromAnswer("x", 429, "999999", "").retryAfterMs, 600_000);
  assert.is(errorFromAnswer("x", 500, undefined, "").retryAfterMs, undefined);
});

const network = suite("network errors");

network("no answer is transient with code 0", () => {
  const error = errorFromNetwork("GET /x", Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }));
  assert.equal([error.code, error.reason, error.category], [0, "ECONNREFUSED", "transient"]);
});

network("a certificate that is not accepted is not transient, and the message says what to check", () => {
  const cause = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  const error = errorFromNetwork("GET /x", cause);
  assert.is(error.category, "other");
  assert.match(error.message, /certificate authority/);
});

network("isKubeError works by shape", () => {
  const error = new KubeError({ code: 404, reason: "NotFound", category: "notFound", message: "m" });
  const foreign = { name: "KubeError", code: 404, reason: "NotFound", category: "notFound", message: "m" };
  assert.ok(isKubeError(error) && isKubeError(foreign, "notFound", "gone"));
  assert.not(isKubeError(error, "gone"));
  assert.not(isKubeError(new Error("x")));
  assert.not(isKubeError(undefined));
});

classification.run();
waits.run();
network.run();
