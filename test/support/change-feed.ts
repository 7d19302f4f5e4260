import type { Change } from "../../kube/object-cache.ts";
import type { ObjectMeta } from "../../kube/resource.ts";

/** Stands for an informer: objects that a test puts in and takes out, told to whoever listens. */
export class ChangeFeed<P extends { metadata: Pick<ObjectMeta, "name" | "namespace"> }> {
  readonly #items = new Map<string, P>();
  readonly #listeners: ((change: Change<P>) => void)[] = [];

  onChange(listener: (change: Change<P>) => void): void {
    this.#listeners.push(listener);
  }

  get(key: string): P | undefined {
    return this.#items.get(key);
  }

  list(): Iterable<P> {
    return this.#items.values();
  }

  put(object: P): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const previous = this.#items.get(key);
    this.#items.set(key, object);
    this.#tell(previous === undefined ? { type: "added", key, object } : { type: "modified", key, object, previous });
  }

  remove(key: string): void {
    const object = this.#items.get(key);
    if (object === undefined) return;
    this.#items.delete(key);
    this.#tell({ type: "deleted", key, object, previous: object });
  }

  /** Nobody listens any more, as after a restart. */
  deafen(): void {
    this.#listeners.length = 0;
  }

  #tell(change: Change<P>): void {
    for (const listener of this.#listeners) listener(change);
  }
}
