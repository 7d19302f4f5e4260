import { BLOCK_STYLE } from "./block-style.ts";
import { DETAILS_STYLE } from "./details-style.ts";
import { FRAME_STYLE } from "./frame-style.ts";

/**
 * Colours of the pages. Texts have a contrast of 4.5 or more to what is behind them, lines and arcs of 3; what a colour says is also said in words. Utilisation, memory,
 * temperature and power have each one colour in gauges, tables and charts.
 */
const COLOURS = `:root {
  color-scheme: light dark;
  --page: #eef1f5; --card: #ffffff; --sunk: #f5f7fa; --line: #d3dae3; --ink: #17202b; --soft: #566273;
  --link: #0a58b8; --focus: #0a58b8; --top: #12263f; --top-ink: #ffffff; --top-soft: #c3d0e2;
  --memory: #0b66c9; --memory-low: #07407f; --volatile: #7a45c9; --volatile-low: #4c2688;
  --temperature: #c2540a; --temperature-low: #803505; --power: #1b7f5c; --track: #dfe5ec;
  --good: #176b33; --good-back: #dff3e4; --alarm: #a61b12; --alarm-back: #fde4e1; --idle: #7a4b00; --idle-back: #ffeec9;
  --slice-0: #0b66c9; --slice-1: #c2540a; --slice-2: #1b7f5c; --slice-3: #7a45c9; --slice-4: #a8326e; --slice-5: #5d7312; --slice-6: #0f7c8f; --slice-7: #8a5a2b;
  --slice-other: #6b7686; --slice-available: #cfd6df;
}
@media (prefers-color-scheme: dark) { :root {
  --page: #0c1118; --card: #151c26; --sunk: #1b2430; --line: #2d3948; --ink: #e8edf4; --soft: #a3b0c0;
  --link: #7cb8ff; --focus: #7cb8ff; --top: #0f1a29; --top-ink: #ffffff; --top-soft: #b3c2d6;
  --memory: #4d9dff; --memory-low: #a9d0ff; --volatile: #b48aff; --volatile-low: #dcc8ff;
  --temperature: #ff9d52; --temperature-low: #ffd0aa; --power: #4cc795; --track: #2a3544;
  --good: #6fdc8c; --good-back: #12321e; --alarm: #ff9a90; --alarm-back: #431a17; --idle: #ffcf70; --idle-back: #3d2e0b;
  --slice-0: #4d9dff; --slice-1: #ff9d52; --slice-2: #4cc795; --slice-3: #b48aff; --slice-4: #ff86bd; --slice-5: #b9d15a; --slice-6: #4fd0e3; --slice-7: #d5a574;
  --slice-other: #8b98a9; --slice-available: #3a4757;
} }
`;

/** The style sheet of the pages. */
export const VESTA_STYLE = COLOURS + FRAME_STYLE + BLOCK_STYLE + DETAILS_STYLE;
