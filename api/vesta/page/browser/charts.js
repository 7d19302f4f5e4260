// The charts of the hosts that are unfolded: their past is fetched, and grows with every update.

import { gpusOf, isBadStatus, memoryPercent, powerOf } from "../templates/view.js";
import { Span } from "./span.js";

/** A page keeps no more points of a GPU. With so many it asks for the past anew, of which the server gives fewer. */
const MOST_POINTS = 2_000;
/** Where something of the history stands. */
const PLACES = "[data-chart], [data-past]";
const NO_HISTORY = "No history of this time.";
const LIBRARY_STYLE = "/static/uPlot.min.css";

/** The charts of all hosts of a page. The library is only loaded when there is something to draw. */
export class Charts {
  #timeZone;
  #open = new Map();
  #library;
  #span = new Span(() => this.#showAll());

  constructor(timeZone) {
    this.#timeZone = timeZone;
    addEventListener("resize", () => this.#each(({ plot }) => plot?.fit()));
    // Colours are drawn into the picture.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#showAll());
  }

  /** Draws the charts of a block that has been unfolded. */
  async show(name, block) {
    this.hide(name);
    const host = { block, seconds: this.#span.seconds, history: undefined, charts: new Map() };
    this.#open.set(name, host);
    this.#offer(block);
    for (const place of block.querySelectorAll(PLACES)) say(place, "Loading history …");
    try {
      const [library, history] = await Promise.all([this.#load(), fetchHistory(name, host.seconds)]);
      if (this.#open.get(name) !== host) return;
      host.library = library;
      host.history = history;
      this.#draw(host);
    } catch (error) {
      for (const place of block.querySelectorAll(PLACES)) say(place, `The history cannot be shown: ${error.message}`);
    }
  }

  /** Lets go of the charts of a block. */
  hide(name) {
    for (const { plot } of this.#open.get(name)?.charts.values() ?? []) plot?.destroy();
    this.#open.delete(name);
  }

  /** Adds what was just heard of a host; charts of GPUs that are new begin. */
  add(name, block, { host, at }) {
    const open = this.#open.get(name);
    if (open?.history === undefined) return;
    open.block = block;
    if (!isBadStatus(host.status)) append(open.history, gpusOf(host), at, open.seconds);
    this.#offer(block);
    this.#draw(open);
    if (open.history.times.length >= MOST_POINTS) this.#renew(name, open);
  }

  /** Fetches the past of a host anew. When that fails, the next update asks again. */
  async #renew(name, host) {
    if (host.isRenewed) return;
    host.isRenewed = true;
    const history = await fetchHistory(name, host.seconds).catch(() => undefined);
    host.isRenewed = false;
    if (history === undefined || this.#open.get(name) !== host) return;
    host.history = history;
    this.#draw(host);
  }

  /** Lets the reader choose the time. The place goes when the host has no figures, and comes again empty. */
  #offer(block) {
    const place = block.querySelector("[data-span]");
    if (place !== null) this.#span.offer(place);
  }

  #draw(host) {
    const { block, history, charts, library } = host;
    layOut(block, Object.keys(history.gpus));
    const places = new Map([...block.querySelectorAll("[data-chart]")].map((place) => [place.dataset.chart, place]));
    for (const [key, { place, plot }] of charts) {
      if (places.get(key) === place) continue;
      plot?.destroy();
      charts.delete(key);
    }
    for (const [key, place] of places) {
      const figures = history.gpus[key];
      if (figures === undefined) {
        say(place, NO_HISTORY);
        continue;
      }
      let chart = charts.get(key);
      if (chart === undefined) {
        place.replaceChildren();
        chart = { place, plot: library.makePlot(place, { times: history.times, figures, timeZone: this.#timeZone }) };
        charts.set(key, chart);
      } else chart.plot.show(history.times, figures);
      place.setAttribute("role", "group");
      place.setAttribute("aria-label", library.describe(figures, block.querySelector("[data-past]") ? "last" : "now"));
    }
  }

  #load() {
    this.#library ??= (() => {
      const style = document.createElement("link");
      style.rel = "stylesheet";
      style.href = LIBRARY_STYLE;
      const styled = new Promise((loaded) => {
        style.onload = loaded;
        style.onerror = loaded;
      });
      document.head.append(style);
      return Promise.all([import("./plot.js"), styled]).then(([library]) => library);
    })();
    return this.#library;
  }

  /** Draws all charts anew. */
  #showAll() {
    // A copy, because each host is taken out and put in again, and would come up for ever.
    for (const [name, { block }] of [...this.#open]) this.show(name, block);
  }

  #each(action) {
    for (const { charts } of this.#open.values()) for (const chart of charts.values()) action(chart);
  }
}

/** Makes the places for the charts of a host that does not run: it has no GPUs but those of its history. */
function layOut(block, keys) {
  const place = block.querySelector("[data-past]");
  if (place === null) return;
  if (keys.length === 0) return say(place, NO_HISTORY);
  const there = [...place.querySelectorAll("[data-chart]")].map(({ dataset }) => dataset.chart);
  if (there.join() === keys.join()) return;
  const sections = keys.map((key) => {
    const section = document.createElement("section");
    section.className = "gpu";
    section.setAttribute("aria-label", `${key} of ${block.dataset.host}`);
    const heading = document.createElement("h3");
    heading.textContent = key;
    const chart = document.createElement("div");
    chart.className = "chart";
    chart.dataset.chart = key;
    section.append(heading, chart);
    return section;
  });
  place.replaceChildren(...sections);
}

function say(place, text) {
  const line = document.createElement("p");
  line.textContent = text;
  place.replaceChildren(line);
}

/** The past of a host: so many seconds before now, or all. */
async function fetchHistory(name, seconds) {
  const query = new URLSearchParams({ fetch_history: "true", element: name });
  if (seconds !== undefined) query.set("from", String(-seconds));
  const answer = await fetch(`/?${query}`);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const { times, gpus } = await answer.json();
  return { times, gpus };
}

/** Adds one point, and lets go of those from before the time that is shown; a GPU that was not there gets gaps for the past, one that is gone gets a gap now. */
function append(history, gpus, at, seconds = Number.POSITIVE_INFINITY) {
  const { times } = history;
  if (times.length > 0 && at <= times.at(-1)) return;
  times.push(at);
  for (const [key, gpu] of gpus) {
    const power = powerOf(gpu) ?? null;
    const now = { utilisation: gpu.gpu_volatile, memory: memoryPercent(gpu), temperature: gpu.temperature, power };
    history.gpus[key] ??= Object.fromEntries(
      Object.keys(now).map((name) => [name, new Array(times.length - 1).fill(null)]),
    );
    for (const [name, value] of Object.entries(now)) history.gpus[key][name].push(value);
  }
  let tooMany = Math.max(0, times.length - MOST_POINTS);
  while (times[tooMany] < at - seconds) tooMany += 1;
  times.splice(0, tooMany);
  for (const figures of Object.values(history.gpus)) {
    for (const values of Object.values(figures)) {
      values.splice(0, tooMany);
      while (values.length < times.length) values.push(null);
    }
  }
}
