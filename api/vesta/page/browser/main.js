// Keeps the page of all hosts up to date without a reload.

import { pager } from "../templates/pager.js";
import { totalsView } from "../templates/totals.js";
import { Blocks } from "./blocks.js";
import { Charts } from "./charts.js";
import { connect } from "./connection.js";
import { unfoldOn } from "./unfold.js";

const place = document.getElementById("page:hosts");
const pages = document.getElementById("page:pager");
const totals = document.getElementById("page:totals");
const empty = document.getElementById("page:empty");
const news = document.getElementById("page:news");
const connection = document.getElementById("page:connection");

let page = Number(place.dataset.page);
const charts = new Charts(place.dataset.timeZone);
const blocks = new Blocks(place, (name, block, known) => charts.add(name, block, known));

unfoldOn(place, (block, open) => {
  const name = block.dataset.host;
  if (!open) return charts.hide(name);
  blocks.refresh(name);
  charts.show(name, block);
});

const choose = connect({
  page,
  onState(state) {
    connection.dataset.state = state;
    connection.textContent = state === "live" ? "live" : "not connected, trying again";
  },
  onMessage(message) {
    const changed = blocks.take(message);
    if (changed.length > 0) news.textContent = changed.map(([name, status]) => `${name}: ${status}`).join(", ");
    const count = message.total_page_num;
    if (message.totals !== undefined) replace(totals, totalsView(message.totals, Math.min(count, page)).text);
    replace(pages, pager(Math.min(count, page), count).text);
    empty.hidden = message.page_name_list.length > 0;
  },
});

/** Writes what is in an element anew, where it differs. */
function replace(element, text) {
  const template = document.createElement("template");
  template.innerHTML = text;
  if (template.innerHTML === element.innerHTML) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.page : undefined;
  element.replaceChildren(template.content);
  if (focused !== undefined) element.querySelector(`[data-page="${focused}"]`)?.focus();
}

function show(next) {
  page = next;
  place.dataset.page = String(next);
  choose(next);
}

pages.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-page]");
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  show(Number(link.dataset.page));
  scrollTo({ top: 0 });
});
addEventListener("popstate", () => show(Number(new URLSearchParams(location.search).get("page") ?? 1) || 1));
