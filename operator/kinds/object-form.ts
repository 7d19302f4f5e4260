import type { ObjectResource } from "../../crds/task-kinds.ts";
import type { KubeObject } from "../../kube/resource.ts";
import type { ObservedObject } from "../decide/run.ts";
import type { Attempt } from "./attempt.ts";
import type { PodSettings } from "./pod-template.ts";

/** How far an object says that it has come; what its pods add to that is for `withMembers`. */
export type ObjectState = Pick<ObservedObject, "phase" | "node" | "waiting" | "ended" | "disrupted" | "lingers">;

/** One way to run a task: a resource of the API server, what to send it, and how to read what became of it. */
export interface ObjectForm {
  resource: ObjectResource;
  /** The object of one attempt. Its name is deterministic, so that creating it twice is impossible (O-187). */
  build(attempt: Attempt, settings: PodSettings): Record<string, unknown>;
  /** What the name of the pod whose result is the task's has after the object's and a dash (O-205); absent: all pods are equal. */
  speaker?: RegExp;
  /** The object's own word on its state, never a pod's (O-174). An object that nobody has looked at yet is Pending. */
  read(raw: KubeObject): ObjectState;
}
