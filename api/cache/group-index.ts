import type { Informer } from "../../kube/informer.ts";
import type { ObjectMeta } from "../../kube/resource.ts";

/** The objects of a cache, grouped by a text that each has; kept current by the cache's changes. */
export class GroupIndex<P extends { metadata: ObjectMeta }> {
  readonly #groupOf: (object: P) => string | undefined;
  readonly #groups = new Map<string, Map<string, P>>();

  /** Must be made before the informer starts. Objects without a group are not kept. */
  constructor(informer: Pick<Informer<P>, "onChange">, groupOf: (object: P) => string | undefined) {
    this.#groupOf = groupOf;
    informer.onChange(({ type, key, object, previous }) => {
      if (previous !== undefined) this.#remove(key, previous);
      if (type === "deleted") this.#remove(key, object);
      else this.#add(key, object);
    });
  }

  /** The objects of a group, in the order in which they were first seen or last changed. */
  of(group: string): P[] {
    return [...(this.#groups.get(group)?.values() ?? [])];
  }

  #add(key: string, object: P): void {
    const group = this.#groupOf(object);
    if (group === undefined) return;
    let members = this.#groups.get(group);
    if (members === undefined) {
      members = new Map();
      this.#groups.set(group, members);
    }
    members.set(key, object);
  }

  #remove(key: string, object: P): void {
    const group = this.#groupOf(object);
    const members = group === undefined ? undefined : this.#groups.get(group);
    if (group === undefined || !members?.delete(key)) return;
    if (members.size === 0) this.#groups.delete(group);
  }
}
