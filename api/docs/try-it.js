// Runs in the browser: sends what the forms of the documentation page say and shows the answers. The token lives in this
// page only; a reload forgets it.

/** Most characters of an answer that are shown: a log can be large. */
const MOST_SHOWN = 1_000_000;
let token = "";

const base = new URL(".", document.baseURI);
const request = (path, options) => fetch(new URL(path.replace(/^\//, ""), base), options);

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const output = event.target.querySelector("output");
  const password = document.getElementById("password");
  try {
    const answer = await request("/v1/auth", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ username: document.getElementById("username").value, password: password.value }),
    });
    const reply = await answer.json();
    token = answer.ok ? reply.message : "";
    output.textContent = answer.ok ? "Logged in." : `${answer.status}: ${reply.detail}`;
    if (answer.ok) password.value = "";
  } catch (error) {
    output.textContent = `The server did not answer: ${error.message}`;
  }
});

/** Path, query and body of a form as a request. */
function requestOf(form) {
  const query = new URLSearchParams();
  const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
  let path = form.dataset.path;
  let body;
  for (const field of form.querySelectorAll("[data-in]")) {
    if (field.dataset.in === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    if (field.dataset.in === "query" && field.value !== "") query.set(field.name, field.value);
    if (field.dataset.in === "body") {
      body = field.value;
      headers["Content-Type"] = field.dataset.type.includes("*") ? "text/plain" : field.dataset.type;
    }
  }
  return {
    target: query.size > 0 ? `${path}?${query}` : path,
    options: { method: form.dataset.method, headers, body },
  };
}

/** Shows an answer while it comes in, and once it is whole, where it is JSON, set out. */
async function show(answer, output) {
  const status = document.createElement("p");
  status.textContent = `${answer.status} ${answer.headers.get("Content-Type") ?? ""}`;
  const text = document.createElement("pre");
  output.replaceChildren(status, text);
  const decoder = new TextDecoder();
  const reader = answer.body?.getReader();
  let received = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) break;
    received = (received + decoder.decode(value, { stream: true })).slice(-MOST_SHOWN);
    text.textContent = received;
  }
  try {
    text.textContent = JSON.stringify(JSON.parse(received), null, 2);
  } catch {
    // Not JSON: it stays as it came.
  }
}

for (const form of document.querySelectorAll("form[data-path]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const output = form.querySelector("output");
    const stop = form.querySelector(".stop");
    const abort = new AbortController();
    stop.hidden = false;
    stop.onclick = () => abort.abort();
    try {
      const { target, options } = requestOf(form);
      await show(await request(target, { ...options, signal: abort.signal }), output);
    } catch (error) {
      if (!abort.signal.aborted) output.textContent = `The server did not answer: ${error.message}`;
    }
    stop.hidden = true;
  });
}

/** A link to an operation opens it. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.tagName === "DETAILS") target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();
