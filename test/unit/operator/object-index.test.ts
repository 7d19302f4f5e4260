import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TASK_KIND_FACTS } from "../../../crds/task-kinds.ts";
import type { CachedObject } from "../../../operator/kinds/object-state.ts";
import type { CachedPod } from "../../../operator/kinds/pod-state.ts";
import { ObjectIndex } from "../../../operator/object-index.ts";

const index = suite("objects by run");
const RUN = { namespace: "ns", uid: "run-1" };

function object(
  name: string,
  more: { namespace?: string; member?: string; uid?: string } = {},
): CachedObject & Pick<CachedPod, "member"> {
  const { namespace = "ns", member, uid = `uid-${name}` } = more;
  return {
    metadata: { name, namespace, uid, resourceVersion: "1" },
    run: { uid: RUN.uid, name: "run" },
    ...(member === undefined ? {} : { member }),
    state: {
      resource: TASK_KIND_FACTS.Pod.resources[0],
      name,
      uid,
      task: "a",
      attempt: 1,
      createdAt: "",
      phase: "Running",
      deleting: false,
      gone: false,
    },
  };
}
const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name);

index("pods made for an object are told apart from the run's own", () => {
  const objects = new ObjectIndex();
  objects.set(object("run--a"));
  objects.set(object("run--a-worker-0", { member: "run--a" }));
  assert.equal(names(objects.of(RUN)), ["run--a"]);
  assert.equal(names(objects.membersOf(RUN, "run--a")), ["run--a-worker-0"]);
  assert.equal(objects.membersOf(RUN, "run--b"), []);
  assert.equal([objects.has(RUN, "run--a"), objects.has(RUN, "run--a-worker-0")], [true, false]);
});

index("an object in another namespace that names a run as its owner does not speak for it", () => {
  const objects = new ObjectIndex();
  objects.set(object("run--a", { namespace: "elsewhere" }));
  objects.set(object("run--a-worker-0", { namespace: "elsewhere", member: "run--a" }));
  assert.equal([objects.of(RUN), objects.membersOf(RUN, "run--a")], [[], []]);
  objects.set(object("run--a"));
  objects.forget({ namespace: "elsewhere", uid: RUN.uid });
  assert.equal(names(objects.of(RUN)), ["run--a"]);
});

index("what is gone stays until its run is forgotten, unless another has its name by then", () => {
  const objects = new ObjectIndex();
  objects.set(object("run--a"));
  objects.set(object("run--a-worker-0", { member: "run--a" }));
  objects.remove(object("run--a"));
  objects.remove(object("run--a-worker-0", { member: "run--a" }));
  assert.is(objects.of(RUN)[0]?.gone, true);
  assert.is(objects.membersOf(RUN, "run--a")[0]?.gone, true);
  objects.set(object("run--a", { uid: "second" }));
  objects.remove(object("run--a"));
  assert.is(objects.of(RUN)[0]?.gone, false);
  assert.equal(objects.forget(RUN).sort(), ["second", "uid-run--a-worker-0"]);
  assert.equal(objects.forget(RUN), []);
});
index("F-9: an object that is known to be gone is so before any watch says it, unless another has its name", () => {
  const objects = new ObjectIndex();
  objects.set(object("run--a"));
  objects.set(object("run--b"));
  objects.markGone(RUN, { name: "run--a", uid: "uid-run--a" });
  objects.markGone(RUN, { name: "run--b", uid: "an earlier one's" });
  objects.markGone({ ...RUN, uid: "of another run" }, { name: "run--b", uid: "uid-run--b" });
  assert.equal(
    objects.of(RUN).map(({ name, gone }) => [name, gone]),
    [
      ["run--a", true],
      ["run--b", false],
    ],
  );
});
index.run();
