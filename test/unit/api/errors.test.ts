import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ApiError, ERRORS, invalid, retryAfter } from "../../../api/errors.ts";
import { problemDetails, toApiError } from "../../../api/problem-details.ts";
import { type ErrorCategory, KubeError } from "../../../kube/errors.ts";

const test = suite("api errors");

function kubeError(
  category: ErrorCategory,
  more: { code?: number; retryAfterMs?: number; statusDetails?: unknown } = {},
): KubeError {
  return new KubeError({ code: 500, reason: "X", message: "GET /api/v1/secret-path: words", category, ...more });
}

test("O-4: the table holds only documented codes, each with a title", () => {
  const documented = [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 503];
  for (const [code, kind] of Object.entries(ERRORS)) {
    assert.ok(documented.includes(kind.status), code);
    assert.ok(kind.title.length > 5, code);
    assert.is(kind.retryable, [408, 429, 503].includes(kind.status), code);
  }
});

test("O-3, O-21: no problem document has a message key", () => {
  for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) {
    const body = problemDetails(new ApiError(code, "what", { errors: [{ path: "a", detail: "b" }] }), "id-1");
    assert.equal(Object.keys(body).sort(), ["detail", "errors", "instance", "status", "title", "type"]);
    assert.is(body.status, ERRORS[code].status);
  }
});

test("an error without fields and without a request has neither key", () => {
  assert.equal(Object.keys(problemDetails(new ApiError("Internal", "x"))).sort(), [
    "detail",
    "status",
    "title",
    "type",
  ]);
});

test("a 422 for one field names it twice: for people and for programs", () => {
  const error = invalid("pipeline.job", "is missing");
  assert.is(error.message, "pipeline.job: is missing");
  assert.equal(error.errors, [{ path: "pipeline.job", detail: "is missing" }]);
});

test("O-4: an API server that does not answer is a 503 with Retry-After, and its words stay inside", () => {
  for (const category of ["transient", "throttled", "quota", "aborted"] as const) {
    const error = toApiError(kubeError(category, { retryAfterMs: 1500 }));
    assert.is(error.code, "KubernetesUnavailable", category);
    assert.is(error.headers["Retry-After"], "2");
    assert.not.match(error.message, "secret-path");
  }
  assert.is(toApiError(kubeError("other", { code: 0 })).code, "KubernetesUnavailable");
});

test("what Kubernetes refuses as invalid is a 422 with its fields", () => {
  const statusDetails = { causes: [{ field: "spec.job", message: "too long" }] };
  const error = toApiError(kubeError("invalid", { code: 422, statusDetails }));
  assert.is(error.code, "Invalid");
  assert.equal(error.errors, [{ path: "spec.job", detail: "too long" }]);
  assert.is(toApiError(kubeError("tooLarge", { code: 413 })).code, "Invalid");
});

test("O-4: everything unknown is `internal error` and nothing more", () => {
  for (const thrown of [
    new Error("password=1"),
    kubeError("forbidden", { code: 403 }),
    undefined,
    "text",
    null,
    { status: "401" },
  ]) {
    const error = toApiError(thrown);
    assert.is(error.code, "Internal");
    assert.is(error.message, "internal error");
  }
});

test("errors of the libraries keep their status", () => {
  const withStatus = (status: number): Error => Object.assign(new Error("library words"), { status });
  assert.is(toApiError(withStatus(400)).code, "MalformedRequest");
  assert.is(toApiError(withStatus(413)).code, "BodyTooLarge");
  assert.is(toApiError(withStatus(415)).code, "MediaTypeUnsupported");
  const unauthorized = toApiError(withStatus(401));
  assert.is(unauthorized.code, "CredentialNeeded");
  assert.is(unauthorized.headers["WWW-Authenticate"], "Bearer");
});

test("Retry-After is at least a second, whole seconds", () => {
  assert.equal(retryAfter(0), { "Retry-After": "1" });
  assert.equal(retryAfter(1.2), { "Retry-After": "2" });
});

test.run();
