import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { PIPELINE } from "../../../crds/resources.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { CONFIG_MAP } from "../../../kube/core-resources.ts";
import { isKubeError } from "../../../kube/errors.ts";
import { collectionPath, type KubeObject, objectPath } from "../../../kube/resource.ts";
import { type RegisterData, type Reservation, readRegister, writeRegister } from "./register-data.ts";
import { isActive } from "./run-object.ts";
import { objectNameOf, runIdOf, runNameOf, type StoredPipeline } from "./run-spec.ts";
import type { MlbenchRuns } from "./runs.ts";

/** What somebody wants to be registered. */
export interface Wish {
  /** Name of the run. */
  name: string;
  /** Whether no other run may be active at all (M-40). */
  alone: boolean;
  /** Name of the Pipeline, where there is one already. */
  object?: string;
}

/** What became of it: an id of its own, and with `inTheWay` the reason why it must not be used for an active run. */
export type Registered = { kind: "registered"; id: number; token: string } | { kind: "taken"; by: "name" | "any" };

interface RegisterParts {
  client: KubeClient;
  namespace: string;
  release: string;
  runs: Pick<MlbenchRuns, "informer">;
}

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/** A reservation without an object is somebody who died between the two (M-59). */
const LEFT_OVER_SECONDS = 60;
/** Writers of other processes may be faster that often. */
const TRIES = 100;

/**
 * The ConfigMap with the counter of ids and the names of active runs (M-40, M-59). It is changed only at the version that was read, which makes each
 * change one atomic step, whoever else makes one. What it says of a name is held against the Pipelines: a run that has ended or is being deleted has no
 * name any more, whether or not somebody has taken it out.
 */
export class Register {
  readonly #parts: RegisterParts;
  readonly #path: string;
  readonly #name: string;
  /** Reservations that this process has made and will not use. */
  readonly #abandoned = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: RegisterParts) {
    this.#parts = parts;
    this.#name = `${parts.release}-mlbench-runs`;
    this.#path = objectPath(CONFIG_MAP, parts.namespace, this.#name);
  }

  /** Gives a new id and keeps the name for it, unless another run has the name, or is in the way by being active. Rejects with a KubeError. */
  async take(wish: Wish): Promise<Registered> {
    return await this.#inTurn(() => this.#take(wish));
  }

  /** Gives a reservation back for which there will be no run. Never rejects: whatever is left of it is dropped later. */
  async giveBack(name: string, token: string): Promise<void> {
    this.#abandoned.add(token);
    await this.#inTurn(() =>
      this.#change(async (_, stored) =>
        stored.names.get(name.toLowerCase())?.token === token ? undefined : "unchanged",
      ),
    ).catch(() => undefined);
  }

  /**
   * Takes out the names of a run whose object is about to go (M-58): without the object nobody could tell its reservation from that of a run that is about to
   * be made, and the name would be kept for as long as those are (M-40). Rejects with a KubeError.
   */
  async release({ id, object }: Pick<Reservation, "id" | "object">): Promise<void> {
    await this.#inTurn(() =>
      this.#change(async (data, stored) => {
        const own = [...stored.names].filter(([, one]) => one.id === id && one.object === object);
        for (const [name] of own) if (data.names.get(name)?.id === id) data.names.delete(name);
        return own.length === 0 ? "unchanged" : undefined;
      }),
    );
  }

  async #take({ name, alone, object }: Wish): Promise<Registered> {
    const key = name.toLowerCase();
    const token = randomBytes(6).toString("hex");
    let result: Registered = { kind: "taken", by: "name" };
    try {
      await this.#change(async (data) => {
        for (const [other, reservation] of data.names) {
          if (reservation.object === object || !(alone || other === key)) continue;
          if (!(await this.#isInTheWay(reservation))) continue;
          result = { kind: "taken", by: other === key ? "name" : "any" };
          return "unchanged";
        }
        const id = Math.max(data.lastId, this.#highestId()) + 1;
        const at = Math.floor(this.#parts.client.clock.nowMs() / 1000);
        data.lastId = id;
        data.names.set(key, { id, object: object ?? objectNameOf(id), at, token });
        result = { kind: "registered", id, token };
        return undefined;
      });
    } catch (error) {
      this.#abandoned.add(token);
      throw error;
    }
    return result;
  }

  /**
   * Reads, lets `decide` change the data, and writes it at the version that was read; from the start again where somebody was faster. `decide` gets it as it is
   * by what this process knows of the runs, and as it is stored.
   */
  async #change(decide: (data: RegisterData, stored: RegisterData) => Promise<"unchanged" | undefined>): Promise<void> {
    const { client, namespace } = this.#parts;
    for (let tries = 1; ; tries++) {
      const stored = await this.#read();
      const data = readRegister(stored?.data);
      this.#complete(data);
      if ((await decide(data, readRegister(stored?.data))) === "unchanged") return;
      const body = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: stored?.metadata ?? { name: this.#name, namespace },
        data: { ...stored?.data, ...writeRegister(data) },
      };
      try {
        if (stored === undefined) await client.create(collectionPath(CONFIG_MAP, namespace), body);
        else await client.replace(this.#path, body);
        return;
      } catch (error) {
        if (tries >= TRIES || !isKubeError(error, "conflict", "alreadyExists")) throw error;
        await delay(Math.random() * Math.min(20 * tries, 200));
      }
    }
  }

  async #read(): Promise<ConfigMap | undefined> {
    try {
      return await this.#parts.client.get<ConfigMap>(this.#path);
    } catch (error) {
      if (isKubeError(error, "notFound")) return undefined;
      throw error;
    }
  }

  /** Takes out the names of runs that are known to be over, and adds those of active ones that are missing. */
  #complete(data: RegisterData): void {
    for (const [name, reservation] of data.names) {
      if (this.#abandoned.has(reservation.token) || this.#isOver(this.#cached(reservation))) data.names.delete(name);
    }
    for (const run of this.#parts.runs.informer.list()) {
      const id = runIdOf(run.metadata);
      const name = runNameOf(run).toLowerCase();
      if (id === undefined || this.#isOver(run) || data.names.has(name)) continue;
      data.names.set(name, { id, object: run.metadata.name, at: 0, token: "" });
    }
  }

  /** The run of a reservation as the cache has it; undefined where it is not there (yet, or any more). */
  #cached({ id, object }: Reservation): StoredPipeline | undefined {
    const run = this.#parts.runs.informer.get(`${this.#parts.namespace}/${object}`);
    return run !== undefined && runIdOf(run.metadata) === id ? run : undefined;
  }

  /** Neither an end nor the mark of a deletion is ever taken back, so the cache can be believed. */
  #isOver(run: StoredPipeline | undefined): boolean {
    return run !== undefined && (run.metadata.deletionTimestamp !== undefined || !isActive(run));
  }

  /** Whether a reservation stands for a run that is active or about to be; the cache may be behind, so the API server is asked. */
  async #isInTheWay(reservation: Reservation): Promise<boolean> {
    const { client, namespace } = this.#parts;
    try {
      const run = await client.get<StoredPipeline>(objectPath(PIPELINE, namespace, reservation.object));
      if (runIdOf(run.metadata) === reservation.id) return !this.#isOver(run);
    } catch (error) {
      if (!isKubeError(error, "notFound")) throw error;
    }
    return client.clock.nowMs() / 1000 - reservation.at < LEFT_OVER_SECONDS;
  }

  #highestId(): number {
    let highest = 0;
    for (const { metadata } of this.#parts.runs.informer.list()) highest = Math.max(highest, runIdOf(metadata) ?? 0);
    return highest;
  }

  /** Within a process one after the other: only other processes can be in the way. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return await result;
  }
}
