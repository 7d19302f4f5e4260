import { type Html, html } from "../../../docs/html.ts";
import type { GpuData } from "../../hosts/host.ts";
import { colourOf, memoryPie } from "./pie.ts";
import { type Holding, type KeyedGpu, powerOf } from "./view.ts";

/** What is unfolded of one GPU of the host of that name (V-47). The script draws the chart of its past into `.chart`, which later updates leave alone. */
export function gpuDetails(name: string, [key, gpu]: KeyedGpu, holding: Holding | undefined): Html {
  const power = powerOf(gpu);
  return html`<section class="gpu" data-gpu="${key}" aria-label="${key} of ${name}"><h3>${key} ${gpu.gpu_name}</h3>
<p class="figures">available ${gpu.available_memory} MiB, volatile ${gpu.gpu_volatile}%, temperature ${gpu.temperature}°C${power === undefined ? undefined : html`<span class="power">, power ${power} W</span>`}</p>
${holding?.idleMinutes === undefined ? undefined : html`<p class="note"><span class="idle">idle ${holding.idleMinutes} min</span> held, and at 0 % all that time</p>`}
<div class="use">${memoryPie(gpu)}${processTable(key, gpu)}</div>
<div class="chart" data-own data-chart="${key}"></div></section>
`;
}

function processTable(key: string, { processes }: GpuData): Html {
  if (processes.length === 0) return html`<p class="none">No process.</p>`;
  return html`<table class="processes"><caption class="unseen">Processes on ${key}</caption><thead><tr><th scope="col">command</th><th scope="col">user</th><th scope="col">used mem.</th></tr></thead><tbody>
${processes.map(
  (
    { name, user, used_memory: used },
    index,
  ) => html`<tr><th scope="row"><svg class="chip" viewBox="0 0 8 8" aria-hidden="true"><rect class="${colourOf(index)}" width="8" height="8" rx="2"/></svg>${name}</th><td>${user}</td><td>${used} MiB</td></tr>
`,
)}</tbody></table>`;
}
