import { type Html, html } from "../../../docs/html.ts";
import type { Totals } from "./view.ts";

/** What all hosts are like together, to be read before anything else; those that do not run are named, with links to them from the page of that number. */
export function totalsView({ hosts, gpus, idle, bad, named }: Totals, page: number): Html {
  return html`<span>${counted(hosts, "host")}</span><span>${counted(gpus, "GPU")}</span>${bad > 0 ? html`<span class="alarm">${bad} not running</span>` : hosts === 0 ? undefined : html`<span class="good">all running</span>`}${idle === 0 ? undefined : html`<span class="idle">${idle} held and idle</span>`}${bad === 0 ? undefined : html`<span class="named">${named.map((one, index) => html`${index === 0 ? "" : ", "}<a href="${one.page === page ? "" : `/?page=${one.page}`}#${encodeURIComponent(one.name)}">${one.name}</a> ${one.status}`)}${bad > named.length ? `, and ${bad - named.length} more` : ""}</span>`}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
