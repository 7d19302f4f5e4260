// The blocks of the hosts: kept in the order of the page, and brought up to date in small portions, what is on the screen first.

import { hostBlock } from "../templates/host-block.js";
import { morph } from "./morph.js";

/** Time of a frame that updates may take: with sixty frames a second there are sixteen, and the browser needs its share. */
const BUDGET_MS = 6;

const LATEST_MS = 200;
/** Safari has no idle time. */
const whenIdle = (action) =>
  globalThis.requestIdleCallback?.(action, { timeout: LATEST_MS }) ?? setTimeout(action, LATEST_MS / 4);

/** The blocks below an element. `onShown` is called with the name and the block after each update of a block. */
export class Blocks {
  #place;
  #onShown;
  #known = new Map();
  #elements = new Map();
  #stale = new Set();
  #onScreen = new Set();
  #scheduled = false;
  #watch;

  constructor(place, onShown) {
    this.#place = place;
    this.#onShown = onShown;
    this.#watch = new IntersectionObserver((entries) => this.#noteOnScreen(entries), { rootMargin: "50%" });
    for (const element of place.children) this.#add(element);
  }

  /** Takes a message. The names of the hosts whose status has changed, each with the new one, are returned. */
  take({ update, page_name_list: names, holders = {}, time }) {
    const changed = [];
    for (const [name, host] of Object.entries(update)) {
      const before = this.#elements.get(name)?.dataset.status;
      const known = this.#known.get(name)?.host.status ?? before;
      if (known !== undefined && known !== host.status) changed.push([name, host.status]);
      this.#known.set(name, { name, host, holdings: holders[name] ?? {}, at: time });
      this.#stale.add(name);
    }
    this.#arrange(names);
    this.#schedule();
    return changed;
  }

  /** Brings one block up to date at once, for instance because it has just been opened. */
  refresh(name) {
    if (this.#known.has(name)) this.#render(name);
  }

  /** Puts the blocks of these names in this order, with new ones where they are missing; all others go. */
  #arrange(names) {
    const wanted = new Set(names);
    for (const [name, element] of this.#elements) {
      if (wanted.has(name)) continue;
      this.#watch.unobserve(element);
      this.#onScreen.delete(name);
      element.remove();
      this.#elements.delete(name);
      this.#known.delete(name);
      this.#stale.delete(name);
    }
    const inOrder = new Map();
    let place = this.#place.firstElementChild;
    for (const name of names) {
      if (!this.#elements.has(name) && this.#known.has(name)) this.#add(this.#made(name));
      const element = this.#elements.get(name);
      if (element === undefined) continue;
      inOrder.set(name, element);
      // Only what stands elsewhere is moved: to be moved costs an element its focus.
      if (element === place) place = place.nextElementSibling;
      else this.#place.insertBefore(element, place);
    }
    this.#elements = inOrder;
  }

  #add(element) {
    this.#elements.set(element.dataset.host, element);
    this.#watch.observe(element);
  }

  #noteOnScreen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#onScreen.add(target.dataset.host);
      else this.#onScreen.delete(target.dataset.host);
    }
  }

  #schedule() {
    if (this.#scheduled || this.#stale.size === 0) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      const isDone = this.#portion(this.#onScreen);
      // What is off the screen waits until the browser has nothing better to do, but not for ever.
      whenIdle(() => {
        this.#scheduled = false;
        if (isDone) this.#portion(this.#stale);
        this.#schedule();
      });
    });
  }

  /** Brings as many of these up to date as there is time for; says whether those were all. */
  #portion(names) {
    const until = performance.now() + BUDGET_MS;
    for (const name of names) {
      if (!this.#stale.has(name)) continue;
      this.#render(name);
      if (performance.now() > until) return false;
    }
    return true;
  }

  #render(name) {
    this.#stale.delete(name);
    const element = this.#elements.get(name);
    if (element === undefined) return;
    morph(element, this.#made(name));
    this.#onShown(name, element, this.#known.get(name));
  }

  #made(name) {
    const { host, holdings } = this.#known.get(name);
    const unfolded = this.#elements.get(name)?.querySelector("details")?.open ?? false;
    const template = document.createElement("template");
    template.innerHTML = hostBlock(name, host, { holdings, unfolded }).text;
    return template.content.firstElementChild;
  }
}
