// A click on a host, or Enter, unfolds what is below it.

/** What does something of its own when it is clicked. */
const ACTIVE = "a, button, summary, input, select, label, .more";

/** Lets clicks and Enter unfold the hosts below an element; `onToggle` is called with the block once it is open or closed. */
export function unfoldOn(place, onToggle) {
  place.addEventListener("click", ({ target }) => {
    if (target.closest(ACTIVE) !== null || !getSelection().isCollapsed) return;
    toggle(target.closest("[data-host]"));
  });
  place.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-host]")) return;
    event.preventDefault();
    toggle(event.target);
  });
  // This event does not bubble.
  place.addEventListener("toggle", ({ target }) => onToggle(target.closest("[data-host]"), target.open), true);
}

function toggle(block) {
  const details = block?.querySelector("details");
  if (details) details.open = !details.open;
}
