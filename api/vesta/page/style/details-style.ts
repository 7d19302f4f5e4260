/** What is unfolded below a host, and the chart library's own parts where they need our colours. */
export const DETAILS_STYLE = `details { margin-top: 0.4rem; border-top: 1px solid var(--line); }
summary { padding: 0.4rem 0.2rem; cursor: pointer; color: var(--link); font-size: 0.9rem; }
.span { margin: 0.2rem 0 0.75rem; font-size: 0.9rem; }
.span:empty { display: none; }
.span select { font: inherit; max-width: 100%; padding: 0.2rem 0.3rem; color: var(--ink); background: var(--card); border: 1px solid var(--soft); border-radius: 0.3rem; }
.details { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); gap: 1rem; }
.gpu { container-type: inline-size; min-width: 0; padding: 0.75rem; background: var(--sunk); border: 1px solid var(--line); border-radius: 0.4rem; }
.gpu h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
.figures { margin: 0.1rem 0 0.5rem; color: var(--soft); font-size: 0.9rem; font-variant-numeric: tabular-nums; }
.note { margin: 0 0 0.5rem; font-size: 0.9rem; }
.use { display: grid; grid-template-columns: 6rem minmax(0, 1fr); gap: 0.75rem; align-items: start; }
.processes td:nth-child(2) { min-width: 5.5rem; }
@container (max-width: 24rem) { .use { grid-template-columns: minmax(0, 1fr); } .processes tbody th { min-width: 6rem; } .processes td:nth-child(2) { min-width: 3.5rem; }
.pie { max-width: 6rem; } }
.use > .none { align-self: center; }
.pie { display: block; width: 100%; height: auto; transform: rotate(-90deg); border-radius: 50%; }
.pie circle { fill: none; stroke-width: 16; }
.chip { width: 0.7em; height: 0.7em; margin-right: 0.45em; }
${Array.from({ length: 8 }, (_, index) => `.slice-${index} { stroke: var(--slice-${index}); } .chip .slice-${index} { stroke: none; fill: var(--slice-${index}); }`).join("\n")}
.slice-other { stroke: var(--slice-other); }
.slice-available { stroke: var(--slice-available); }
.chart { min-height: 13.5rem; margin-top: 0.75rem; }
.chart p, .past > p { margin: 0; color: var(--soft); font-size: 0.9rem; }
.elsewhere { overflow-wrap: anywhere; margin: 0.75rem 0 0.25rem; font-size: 0.9rem; color: var(--soft); }
.uplot, .uplot * { box-sizing: content-box; }
.uplot { font-family: inherit; }
.u-legend { font-size: 0.8rem; text-align: left; color: var(--ink); }
.u-legend th, .u-legend td { border: 0; padding: 0.1rem 0.2rem; }
.u-legend .u-value { font-variant-numeric: tabular-nums; }
@media (prefers-reduced-motion: no-preference) { .skip { transition: top 0.15s; } }
@media (forced-colors: active) { .gauge .high { stroke: Highlight; } .gauge .low { stroke: CanvasText; } .gauge .track { stroke: GrayText; } .host { border-top-color: CanvasText; } }
@media print { .top { position: static; } .host { content-visibility: visible; break-inside: avoid; } }
`;
