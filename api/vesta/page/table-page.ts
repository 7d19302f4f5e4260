import { type Html, html } from "../../docs/html.ts";
import type { TextPart } from "../../text-pieces.ts";
import { type Host, isBad, type Payload } from "../hosts/host.ts";
import type { KeptTexts } from "../kept-texts.ts";
import { heading, PAGE_END, pageStart } from "./layout.ts";
import { NO_HOSTS } from "./main-page.ts";
import type { PageParts } from "./page-parts.ts";

/** The page of `/gpu_table` (V-49) in pieces: all hosts, from the newest rows of their history like the text of the same address (V-44). */
export function* tablePage(parts: PageParts, nowMs: number, kept: KeptTexts): Generator<TextPart, void> {
  const { hosts, settings, formatTime } = parts;
  const { title, description } = settings.tablePage;
  const all = hosts.list();
  yield pageStart({ title, version: settings.textVersion, path: "/gpu_table", scripts: [] });
  yield html`${heading(title, description)}
<p class="facts">last update: ${formatTime(nowMs)}</p>
${all.length === 0 ? html`<p class="empty">${NO_HOSTS}</p>` : undefined}
<div class="tables">
`.text;
  for (const host of all) {
    const data = hosts.newestRow(host)?.data;
    yield kept.text("gpu table", host, [data], () => hostTable(host, data ?? {}).text);
  }
  yield `</div>\n${PAGE_END}`;
}

function hostTable({ name, ipAddress, status }: Host, data: Payload): Html {
  const bad = isBad(status);
  const gpus = bad ? [] : Object.values(data);
  return html`<section class="host${bad ? " bad_status" : ""}" id="${name}" aria-label="${name}">
<div class="head"><h2>${name}</h2><span class="status">${status}</span></div>
<p class="facts"><span class="ip">${ipAddress}</span></p>
${gpus.length === 0 ? html`<p class="none">${bad ? "No figures while it is not running." : "No GPUs."}</p>` : undefined}
<table class="gpus"${gpus.length === 0 ? html` hidden` : undefined}><caption class="unseen">GPUs of ${name}</caption><thead><tr><th scope="col">GPU ID</th><th scope="col">GPU Name</th><th scope="col">Memory Usage</th></tr></thead><tbody>
${gpus.map(
  (
    gpu,
  ) => html`<tr><th scope="row">${gpu.device_num}</th><td>${gpu.gpu_name}</td><td>${gpu.used_memory} / ${gpu.total_memory} MiB</td></tr>
`,
)}</tbody></table>
</section>
`;
}
