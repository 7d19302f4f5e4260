/** What is around the hosts: the bar at the top, headings, links to pages. Letters grow with very wide screens. */
export const FRAME_STYLE = `html { font-size: clamp(100%, 0.72rem + 0.3vw, 150%); scroll-padding-top: 4rem; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.45 system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
a { color: var(--link); }
:focus-visible { outline: 0.2rem solid var(--focus); outline-offset: 0.1rem; border-radius: 0.2rem; }
main:focus { outline: none; }
.unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 0.5rem; top: -6rem; z-index: 3; padding: 0.5rem 1rem; background: var(--card); border-radius: 0.3rem; }
.skip:focus { top: 0.5rem; }
.top { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0.2rem 1rem; padding: 0.6rem clamp(0.75rem, 2vw, 2rem); background: var(--top); color: var(--top-ink); }
.top nav { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.2rem 0.75rem; }
.top ul { display: flex; gap: 0.25rem; margin: 0; padding: 0; list-style: none; }
.brand { font-weight: 700; font-size: 1.15rem; }
.version { color: var(--top-soft); font-size: 0.85rem; margin-right: 0.5rem; }
.top a { color: var(--top-ink); text-decoration: none; padding: 0.25rem 0.7rem; border-radius: 0.35rem; }
.top a:hover { text-decoration: underline; }
.top a[aria-current] { background: #ffffff2b; font-weight: 600; }
.top :focus-visible { outline-color: #ffffff; }
.connection { margin: 0; font-size: 0.85rem; color: var(--top-soft); }
.connection::before { content: ""; display: inline-block; width: 0.6em; height: 0.6em; margin-right: 0.45em; border-radius: 50%; background: #8b98a9; }
.connection[data-state="live"]::before { background: #6fdc8c; }
.connection[data-state="lost"] { color: #ffd0cb; }
.connection[data-state="lost"]::before { background: #ff9a90; border-radius: 0; }
@media (max-width: 30rem) { .top { position: static; } }
main { max-width: 225rem; margin: 0 auto; padding: 1rem clamp(0.75rem, 2vw, 2rem) 3rem; }
h1 { margin: 0.25rem 0 0.25rem; font-size: 1.6rem; line-height: 1.2; }
h1 small { font-size: 1rem; font-weight: 400; color: var(--soft); margin-left: 0.4rem; }
.totals { display: flex; flex-wrap: wrap; align-items: center; gap: 0.3rem 1.1rem; margin: 0 0 1rem; color: var(--soft); }
.totals .good, .totals .alarm, .idle, .status { border-radius: 1rem; padding: 0 0.6rem; font-size: 0.85rem; line-height: 1.6rem; font-weight: 600; }
.totals .good, .status { color: var(--good); background: var(--good-back); }
.totals .alarm, .bad_status .status { color: var(--alarm); background: var(--alarm-back); }
.named { flex-basis: 100%; overflow-wrap: anywhere; }
.idle { color: var(--idle); background: var(--idle-back); }
.empty { max-width: 48rem; margin: 2rem auto; padding: 3rem 1.5rem; text-align: center; color: var(--soft); border: 0.1rem dashed var(--line); border-radius: 0.6rem; }
.pages ul { display: flex; flex-wrap: wrap; justify-content: center; gap: 0.25rem; margin: 1.5rem 0 0; padding: 0; list-style: none; }
.pages a, .pages span { display: block; min-width: 2.5rem; padding: 0.35rem 0.6rem; text-align: center; border: 1px solid var(--line); border-radius: 0.35rem; background: var(--card); text-decoration: none; }
.pages span { color: var(--soft); }
.pages a[aria-current] { background: var(--link); border-color: var(--link); color: var(--card); font-weight: 600; }
.pages .gap { padding: 0.35rem 0.2rem; color: var(--soft); }
`;
