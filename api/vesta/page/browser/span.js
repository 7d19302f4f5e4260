// The choice of the time that charts show: one for all of them, which the browser keeps for the next visit.

/** By what is kept: how many seconds before now, none for all, and how it is called. */
const SPANS = {
  "1h": { seconds: 3_600, text: "the last hour" },
  "12h": { seconds: 12 * 3_600, text: "the last 12 hours" },
  "24h": { seconds: 24 * 3_600, text: "the last 24 hours" },
  "7d": { seconds: 7 * 86_400, text: "the last 7 days" },
  all: { seconds: undefined, text: "all that is kept" },
};
const FIRST = "12h";
const KEPT_AS = "vesta.charts";

/** The time that is chosen. `onChange` is called after it has been changed. */
export class Span {
  #chosen = kept();
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** How many seconds before now are shown; undefined: all. */
  get seconds() {
    return SPANS[this.#chosen].seconds;
  }

  /** Lets the reader choose in this element; what is there already is brought up to date. */
  offer(place) {
    const select = place.querySelector("select") ?? this.#added(place);
    if (select.value !== this.#chosen) select.value = this.#chosen;
  }

  #added(place) {
    const select = document.createElement("select");
    for (const [key, { text }] of Object.entries(SPANS)) select.add(new Option(text, key));
    select.addEventListener("change", () => {
      this.#chosen = select.value;
      keep(select.value);
      this.#onChange();
    });
    const label = document.createElement("label");
    label.append("Charts show ", select);
    place.replaceChildren(label);
    return select;
  }
}

/** A browser may refuse to keep anything, and may have kept what an older page knew. */
function kept() {
  try {
    const key = localStorage.getItem(KEPT_AS) ?? FIRST;
    return Object.hasOwn(SPANS, key) ? key : FIRST;
  } catch {
    return FIRST;
  }
}

function keep(key) {
  try {
    localStorage.setItem(KEPT_AS, key);
  } catch {
    // It holds as long as the page is open.
  }
}
