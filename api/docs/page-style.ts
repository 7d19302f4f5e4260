/** The style sheet of the documentation page. */
export const PAGE_STYLE = `:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1, h2 { line-height: 1.2; }
code, pre, textarea { font: 0.875rem/1.4 ui-monospace, monospace; }
pre { background: var(--soft); padding: 0.6rem; overflow: auto; max-height: 30rem; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: 0.25rem 0.5rem; vertical-align: top; }
nav { margin: 1rem 0; }
details.operation { border: 1px solid var(--line); border-radius: 4px; margin: 0.5rem 0; padding: 0.4rem 0.8rem; }
details.operation > summary { cursor: pointer; }
.method { display: inline-block; min-width: 4.2rem; }
.method.get { color: #2a7ae2; }
.method.post { color: #2e8b57; }
.method.put { color: #c77700; }
.method.delete { color: #d23c3c; }
form label { display: block; margin-top: 0.5rem; }
form input, form textarea { width: 100%; box-sizing: border-box; padding: 0.3rem; }
form button { margin-top: 0.6rem; padding: 0.3rem 1rem; }
#login label { display: inline; }
#login input { width: 12rem; }
output { display: block; margin-top: 0.6rem; }
`;
