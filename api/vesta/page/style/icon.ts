/** The picture of the pages in a browser's tab: a gauge. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b62c4"/><path d="M6 21a10 10 0 0 1 20 0" fill="none" stroke="#fff" stroke-opacity=".4" stroke-width="4"/><path d="M6 21a10 10 0 0 1 15-8.7" fill="none" stroke="#fff" stroke-width="4"/></svg>
`;
