import { suite } from "uvu";
import * as assert from "uvu/assert";
import { errorFromAnswer } from "../../../kube/errors.ts";
import { isRightMissing, MissingRights } from "../../../kube/missing-rights.ts";

const rights = suite("missing rights");

function refused(code: number, message: string): Error {
  return errorFromAnswer("POST /x", code, undefined, JSON.stringify({ kind: "Status", code, reason: "", message }));
}
const NO_PODS =
  'pods is forbidden: User "system:serviceaccount:odin:odin" cannot create resource "pods" in API group "" in the namespace "n"';

rights("F-13, F-14: what RBAC refuses can be mended for the same request, what admission refuses cannot", () => {
  assert.ok(isRightMissing(refused(403, NO_PODS)));
  assert.ok(isRightMissing(refused(401, "Unauthorized")));
  assert.ok(
    isRightMissing(
      refused(
        403,
        'pods "x" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set finalizers on: , <nil>',
      ),
    ),
  );
  for (const message of [
    'pods "x" is forbidden: ValidatingAdmissionPolicy "p" with binding "b" denied request: no',
    'admission webhook "w" denied the request: User "ada" cannot have this',
    'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
    'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    'pods "x" is forbidden: error looking up service account n/none: serviceaccount "none" not found',
  ])
    assert.not(isRightMissing(refused(403, message)), message);
  assert.not(isRightMissing(new Error(NO_PODS)));
});

rights("a right is missing until the same request works, and others say nothing about it", () => {
  const missing = new MissingRights();
  const create = { what: "", verb: "create", resource: "pods" };
  const list = { what: "", verb: "list", resource: "pods" };
  missing.failed(create, refused(403, NO_PODS));
  missing.failed(create, refused(403, NO_PODS));
  missing.failed(list, refused(500, "no"));
  assert.equal(missing.list(), ["create pods"]);
  assert.equal(missing.entries(), [{ verb: "create", resource: "pods" }]);
  missing.worked(list);
  assert.equal(
    missing.list((verb) => verb === "list"),
    [],
  );
  missing.worked(create);
  assert.equal(missing.list(), []);
});
rights.run();
