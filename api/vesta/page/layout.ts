import { type Html, html } from "../../docs/html.ts";

/** What is around the content of a page. */
export interface Layout {
  /** Of the browser's window. */
  title: string;
  version: string;
  path: "/" | "/gpu_table";
  /** Names of scripts below /static. */
  scripts: readonly string[];
}

const LINKS = [
  ["/", "Main"],
  ["/gpu_table", "Table"],
] as const;

/**
 * What is before the content of a page (V-45), which `PAGE_END` follows. Elements of our own have ids with a colon, which no name of a host holds: a host's block has the host's name for its id (V-46).
 */
export function pageStart({ title, version, path, scripts }: Layout): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/vesta.css">
${scripts.map((name) => html`<script type="module" src="/static/${name}"></script>`)}
</head>
<body>
<a class="skip" href="#page:main">Skip to the hosts</a>
<header class="top"><nav aria-label="Views"><span class="brand">GPU Status</span> <span class="version">vesta ver${version}</span>
<ul>${LINKS.map(([href, text]) => html`<li><a href="${href}"${href === path ? CURRENT : undefined}>${text}</a></li>`)}</ul></nav>
${scripts.length === 0 ? undefined : html`<p class="connection" id="page:connection"></p>`}
</header>
<main id="page:main" tabindex="-1">
`.text;
}

/** What is behind the content of a page. */
export const PAGE_END = `</main>
</body>
</html>
`;

/** Marks the link to the page on which it stands. */
export const CURRENT: Html = html` aria-current="page"`;

/** The heading of a page, with its description small beside it (V-45, V-49). */
export function heading(title: string, description: string): Html {
  return html`<h1>${title}${description === "" ? undefined : html` <small>${description}</small>`}</h1>`;
}
