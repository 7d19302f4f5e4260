/** Bytes by key, outside of the database. Every failure is a `StoreProblem`. */
export interface Blobs {
  /** How messages name the place. */
  readonly name: string;
  /** Resolves once all of the bytes are kept; replaces what was there. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** The bytes; undefined if there are none. */
  get(key: string): Promise<Buffer | undefined>;
  /** Removes the bytes; none being there is success. */
  remove(key: string): Promise<void>;
}
