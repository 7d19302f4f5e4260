import { type Html, html } from "../../../docs/html.ts";
import { gaugeView } from "./gauge.ts";
import { gpuDetails } from "./gpu-details.ts";
import {
  gpusOf,
  type Holding,
  type Holdings,
  isBadStatus,
  type KeyedGpu,
  lastUpdateOf,
  memoryPercent,
  NO_ENTRY,
  type WireHost,
} from "./view.ts";

/** What a block shows besides the host itself. */
export interface BlockOptions {
  holdings: Holdings;
  /** Whether the part that is unfolded is written too; a page of very many hosts leaves it to the script. */
  unfolded: boolean;
}

/** The block of one host (V-46, V-47); its id is the host's name. Used by the server and by the page's script alike, so that both show the same. */
export function hostBlock(name: string, host: WireHost, { holdings, unfolded }: BlockOptions): Html {
  const bad = isBadStatus(host.status);
  const gpus = bad ? [] : gpusOf(host);
  return html`<article class="host${bad ? " bad_status" : ""}" id="${name}" data-host="${name}" data-status="${host.status}" tabindex="-1" aria-label="${name}">
<div class="head"><h2>${name}</h2><span class="status">${host.status}</span></div>
<p class="facts"><span class="ip">${host.ip_address}</span><span class="updated">last update: ${lastUpdateOf(host)}</span></p>
${bad ? html`<h3 class="alarm">### ${host.status} ###</h3>${lastUpdateOf(host) === NO_ENTRY ? html`<p class="none">Nothing has come from this node yet: a pod of NVIDIA's dcgm-exporter has to be Ready on it.</p>` : undefined}` : gpus.length === 0 ? html`<p class="none">No GPUs.</p>` : overview(name, gpus, holdings)}
<details><summary>Processes and history</summary><div class="more">${unfolded ? more(name, bad ? undefined : gpus, holdings) : undefined}</div></details>
</article>
`;
}

function overview(name: string, gpus: readonly KeyedGpu[], holdings: Holdings): Html {
  const all = gpus.map(([, gpu]) => gpu);
  return html`<div class="gauges">${gaugeView({ name: "memory", unit: "%", values: all.map(memoryPercent) })}${gaugeView({ name: "volatile", unit: "%", values: all.map((gpu) => gpu.gpu_volatile) })}${gaugeView({ name: "temperature", unit: "°C", values: all.map((gpu) => gpu.temperature) })}</div>
<table class="gpus"><caption class="unseen">GPUs of ${name}</caption><thead><tr><th scope="col">GPU</th><th scope="col">free mem.</th><th scope="col">vol.</th><th scope="col">temp.</th></tr></thead><tbody>
${gpus.map(([key, gpu]) => gpuRow(gpu, holdings[key]))}</tbody></table>`;
}

function gpuRow(gpu: KeyedGpu[1], holding: Holding | undefined): Html {
  return html`<tr><th scope="row"><span class="gpu-name">${gpu.device_num}: ${gpu.gpu_name}</span>${holding === undefined ? undefined : holdingView(holding)}</th><td class="bar memory" data-tenths="${tenths(memoryPercent(gpu))}">${gpu.available_memory} MiB</td><td class="bar volatile" data-tenths="${tenths(gpu.gpu_volatile)}">${gpu.gpu_volatile} %</td><td class="bar temperature" data-tenths="${tenths(gpu.temperature)}">${gpu.temperature} °C</td></tr>
`;
}

/** The runs and tasks that hold a GPU, with links, and the mark of an idle one (V-54). */
function holdingView({ tasks, idleMinutes }: Holding): Html {
  return html`<span class="holding">${tasks.map(({ run, task }) => html`<span class="holder"><a href="/v1/pipelines/${encodeURIComponent(run)}">${run}</a> ${task}</span>`)}${idleMinutes === undefined ? undefined : html`<span class="idle" title="held, and at 0 % for ${idleMinutes} minutes">idle ${idleMinutes} min</span>`}</span>`;
}

/** What is unfolded. Of a host that does not run, without GPUs here, the script shows the past of those that it had. */
function more(name: string, gpus: readonly KeyedGpu[] | undefined, holdings: Holdings): Html {
  const path = `/states/${encodeURIComponent(name)}/`;
  const span = html`<p class="span" data-own data-span></p>
`;
  const shown =
    gpus === undefined
      ? html`<div class="past details" data-own data-past></div>`
      : html`<div class="details">
${gpus.map((gpu) => gpuDetails(name, gpu, holdings[gpu[0]]))}</div>`;
  return html`${gpus?.length === 0 ? undefined : span}${shown}
<p class="elsewhere">History of ${name}: <a href="${path}?fetch_num=-1&amp;format=csv">CSV</a>, <a href="${path}?fetch_num=-1">JSON</a>. As text: <a href="${path}?term=true">now</a>.</p>`;
}

/** A value of 0 to 100 in steps of ten, for the bar behind a number. */
function tenths(value: number): number {
  return Math.min(10, Math.max(0, Math.round(value / 10)));
}
