import type { MessageState, NewMessage, VestaMessages } from "../../../store/vesta-messages.ts";
import { type OutgoingMessage, targetOf } from "./message.ts";

/** Puts messages to Slack into the queue; `Deliveries` sends them, in this process or in another. Rejects with a `StoreProblem`. */
export class Outbox {
  readonly #messages: VestaMessages;
  readonly #wake: () => void;
  readonly #now: () => number;

  /** `wake` is called when there is something new. */
  constructor(messages: VestaMessages, wake: () => void, now: () => number = Date.now) {
    this.#messages = messages;
    this.#wake = wake;
    this.#now = now;
  }

  /** Resolves when the message will not be lost, with its key. */
  async put(message: OutgoingMessage): Promise<string> {
    const key = await this.#messages.put(this.#row(message));
    this.#wake();
    return key;
  }

  /** The answer to an event of that id, which may arrive several times and at several replicas (V-59). */
  async answerOnce(eventId: string, message: OutgoingMessage): Promise<void> {
    if (await this.#messages.putOnce(`event ${eventId}`, this.#row(message))) this.#wake();
  }

  /** What belongs to a moment of a daily report of that name, once (V-65). A report that is new begins with the next moment. */
  async putForMoment(name: string, at: number, message: OutgoingMessage): Promise<boolean> {
    const isNew = await this.#messages.putForMoment(`report ${name}`, { from: this.#now(), at }, this.#row(message));
    if (isNew) this.#wake();
    return isNew;
  }

  /** What became of the message of that key. */
  state(key: string): Promise<MessageState> {
    return this.#messages.state(key);
  }

  #row(message: OutgoingMessage): NewMessage {
    return { target: targetOf(message), body: JSON.stringify(message), madeAt: this.#now() };
  }
}
