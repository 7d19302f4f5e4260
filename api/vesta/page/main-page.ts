import { html } from "../../docs/html.ts";
import type { TextPart } from "../../text-pieces.ts";
import type { Host } from "../hosts/host.ts";
import type { KeptTexts } from "../kept-texts.ts";
import { heading, PAGE_END, pageStart } from "./layout.ts";
import type { PageParts } from "./page-parts.ts";
import { tallyOf } from "./tally.ts";
import { hostBlock } from "./templates/host-block.ts";
import { pager } from "./templates/pager.ts";
import { totalsView } from "./templates/totals.ts";
import { idleCount } from "./templates/view.ts";
import { wireHost } from "./wire.ts";

/** Up to so many hosts of a page are written with what is unfolded; of more the script adds it when it is asked for. */
const MOST_UNFOLDED = 32;

/** What somebody can do who sees no host at all. */
export const NO_HOSTS =
  "There are no hosts yet. Nodes of the cluster appear by themselves as soon as they have GPUs or NVIDIA's dcgm-exporter runs on them, and machines outside it as soon as gpu_info_sender.py runs there with this address.";

/** Hosts of one page, and where it stands among all. */
export interface HostPage {
  hosts: readonly Host[];
  /** From 1. */
  page: number;
  pages: number;
}

/** The hosts of a page; below 1 is the first, above the count the last (V-36). */
export function hostPage(all: readonly Host[], perPage: number, asked: number): HostPage {
  const pages = Math.max(1, Math.ceil(all.length / perPage));
  const page = Math.min(pages, Math.max(1, asked));
  return { hosts: all.slice((page - 1) * perPage, page * perPage), page, pages };
}

/** The page of `/` (V-45 to V-48) in pieces, whole and readable without its script. */
export function* mainPage(parts: PageParts, asked: number, kept: KeptTexts): Generator<TextPart, void> {
  const { hosts, settings, formatTime, holdings } = parts;
  const all = hosts.list();
  const { hosts: shown, page, pages } = hostPage(all, settings.pageSize, asked);
  const held = new Map(all.map((host) => [host, holdings(host)]));
  const totals = tallyOf(all, settings.pageSize, (host) => idleCount(held.get(host) ?? {}));
  const entries = shown.map((known) => ({
    known,
    name: known.name,
    host: wireHost(known, formatTime),
    holdings: held.get(known) ?? {},
  }));
  const unfolded = entries.length <= MOST_UNFOLDED;
  const { title } = settings.mainPage;
  yield pageStart({ title, version: settings.textVersion, path: "/", scripts: ["main.js"] });
  yield html`${heading(settings.mainPage.title, settings.mainPage.description)}
<p class="totals" id="page:totals">${totalsView(totals, page)}</p>
<div class="hosts" id="page:hosts" data-page="${page}" data-time-zone="${settings.timeZone}">
`.text;
  for (const { known, name, host, holdings: own } of entries) {
    yield kept.text(unfolded ? "unfolded" : "folded", known, [JSON.stringify(own)], () => {
      return hostBlock(name, host, { holdings: own, unfolded }).text;
    });
  }
  yield html`</div>
<p class="empty" id="page:empty"${entries.length === 0 ? undefined : html` hidden`}>${NO_HOSTS}</p>
<nav class="pages" id="page:pager" aria-label="Pages">${pager(page, pages)}</nav>
<p class="unseen" id="page:news" role="status"></p>
`.text;
  yield PAGE_END;
}

/** The block of one host and whether there is such a host (V-50). */
export function elementOf(
  { hosts, formatTime, holdings }: PageParts,
  name: string,
): { element: string; found: boolean } {
  const host = hosts.find(name);
  if (host === undefined) return { element: "", found: false };
  const block = hostBlock(host.name, wireHost(host, formatTime), { holdings: holdings(host), unfolded: true });
  return { element: block.text, found: true };
}
