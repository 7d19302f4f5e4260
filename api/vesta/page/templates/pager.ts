import { type Html, html } from "../../../docs/html.ts";

/** Pages to each side of the shown one that have a link of their own. */
const NEIGHBOURS = 3;

/** The links to the pages of hosts, « n » (V-45), as the inside of their `nav`. Of very many pages the first, the last and those around the shown one are there. */
export function pager(page: number, pages: number): Html {
  const link = (to: number, text: string, label: string): Html =>
    to < 1 || to > pages
      ? html`<li><span class="off" aria-hidden="true">${text}</span></li>`
      : html`<li><a href="/?page=${to}" data-page="${to}" aria-label="${label}">${text}</a></li>`;
  return html`<ul>${link(page - 1, "«", "Previous page")}${shownPages(page, pages).map((number) =>
    number === undefined
      ? html`<li class="gap">…</li>`
      : html`<li><a href="/?page=${number}" data-page="${number}" aria-label="Page ${number}"${number === page ? html` aria-current="page"` : undefined}>${number}</a></li>`,
  )}${link(page + 1, "»", "Next page")}</ul>`;
}

/** Numbers of the pages with a link; undefined stands for those left out. */
function shownPages(page: number, pages: number): (number | undefined)[] {
  const near = Array.from({ length: 2 * NEIGHBOURS + 1 }, (_, index) => page - NEIGHBOURS + index);
  const numbers = new Set([1, ...near.filter((number) => number > 1 && number < pages), pages]);
  const shown: (number | undefined)[] = [];
  let before = 0;
  for (const number of numbers) {
    if (number > before + 1) shown.push(undefined);
    shown.push(number);
    before = number;
  }
  return shown;
}
