/** A host: its head, gauges and table. What is off the screen is not laid out, so that very many are no burden. */
export const BLOCK_STYLE = `.hosts, .tables { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); gap: 1rem; align-items: start; }
.host { content-visibility: auto; contain-intrinsic-size: auto 30rem; min-width: 0; padding: 0.9rem 1rem 0.7rem; background: var(--card); border: 1px solid var(--line); border-top: 0.25rem solid var(--good); border-radius: 0.6rem; }
.host:target { box-shadow: 0 0 0 0.2rem var(--focus); }
.host:focus-visible { outline-offset: -0.2rem; }
.host:has(> details[open]) { grid-column: 1 / -1; }
.bad_status { border-top-color: var(--alarm); border-top-style: dashed; contain-intrinsic-size: auto 10rem; }
.head { display: flex; align-items: baseline; justify-content: space-between; gap: 0.75rem; }
.head h2 { margin: 0; font-size: 1.15rem; line-height: 1.3; overflow-wrap: anywhere; }
.status { flex: none; }
.facts { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; margin: 0.1rem 0 0.5rem; color: var(--soft); font-size: 0.875rem; font-variant-numeric: tabular-nums; }
h3.alarm { margin: 0.75rem 0; color: var(--alarm); font-size: 1.1rem; text-align: center; padding: 0.9rem 0.5rem; background: var(--alarm-back); border-radius: 0.35rem; }
.none { color: var(--soft); margin: 0.5rem 0; }
.gauges { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.5rem; max-width: 30rem; margin: 0 auto 0.5rem; }
.gauge { display: block; width: 100%; height: auto; }
.gauge path { fill: none; stroke-width: 9; }
.gauge .track { stroke: var(--track); }
.gauge text { text-anchor: middle; fill: var(--soft); font-size: 10px; }
.gauge .max { fill: var(--ink); font-size: 22px; font-weight: 700; font-variant-numeric: tabular-nums; }
.gauge .max .unit { font-size: 11px; font-weight: 400; }
.memory .high { stroke: var(--memory); } .memory .low { stroke: var(--memory-low); }
.volatile .high { stroke: var(--volatile); } .volatile .low { stroke: var(--volatile-low); }
.temperature .high { stroke: var(--temperature); } .temperature .low { stroke: var(--temperature-low); }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.4rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
tbody th, tbody td, .facts { overflow-wrap: anywhere; }
thead th { white-space: nowrap; border-top: 0; color: var(--soft); font-size: 0.8rem; font-weight: 600; }
tbody th { font-weight: 400; }
.gpus th + th, .gpus td, .processes td:last-child, .processes th:last-child { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tables .gpus td:nth-child(2), .tables .gpus th:nth-child(2) { text-align: left; white-space: normal; }
.bar::after { content: ""; display: block; height: 0.22rem; margin-top: 0.1rem; background: var(--track) no-repeat 0 0 / 0 100%; }
.bar.memory::after { background-image: linear-gradient(var(--memory), var(--memory)); }
.bar.volatile::after { background-image: linear-gradient(var(--volatile), var(--volatile)); }
.bar.temperature::after { background-image: linear-gradient(var(--temperature), var(--temperature)); }
${Array.from({ length: 10 }, (_, tenth) => `.bar[data-tenths="${tenth + 1}"]::after { background-size: ${(tenth + 1) * 10}% 100%; }`).join("\n")}
@media (min-width: 64rem) {
  .host:has(> details[open]):not(.bad_status) { display: grid; grid-template-columns: minmax(18rem, 2fr) minmax(0, 5fr); column-gap: 2rem; }
  .host:has(> details[open]) > :not(.gauges, .gpus) { grid-column: 1 / -1; }
  .host:has(> details[open]) > .gauges { align-self: center; }
}
@media (max-width: 30rem) { .host { padding-inline: 0.7rem; } .gpus { font-size: 0.84rem; } th, td { padding-inline: 0.25rem; } .status { line-height: 1.5rem; } }
.holding { display: flex; flex-wrap: wrap; gap: 0.1rem 0.5rem; align-items: baseline; font-size: 0.85rem; }
.holding .idle { font-size: 0.75rem; line-height: 1.3rem; }
`;
