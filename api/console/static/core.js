// What all pages share: talking to the API, making elements, telling the person something.

const csrf = document.querySelector("meta[name=csrf-token]")?.content ?? "";

export class ApiProblem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Asks the API. A body goes as JSON, bytes as they are. */
export async function request(method, path, body, headers = {}) {
  const bytes = body instanceof ArrayBuffer;
  const response = await fetch(path, {
    method,
    headers: { Accept: "application/json", ...(body && !bytes && { "Content-Type": "application/json" }), ...(method !== "GET" && { "X-CSRF-Token": csrf }), ...headers },
    body: bytes ? body : body && JSON.stringify(body),
  });
  if (response.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
    return new Promise(() => {}); // the page is on its way out
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiProblem(response.status, answer.detail ?? `The server answered ${response.status}.`);
  return answer;
}

export const get = (path) => request("GET", path);

/** Makes an element: element("a", { href, class: "x", dataset: {…} }, "text", child, …). */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "dataset") Object.assign(made.dataset, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export const byId = (id) => document.getElementById(id);

let hiding;
export function tell(text, { bad = false } = {}) {
  const notice = byId("notice");
  notice.textContent = text;
  notice.classList.toggle("bad", bad);
  notice.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (notice.hidden = true), bad ? 8000 : 3000);
}

/** Calls the handler of a key, unless the person is typing, a dialog is open, or a modifier is held. */
export function onKeys(handlers) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest?.("input:not([type=checkbox]), select, textarea");
    const handler = handlers[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (typing || !handler) return;
    if (handler(event) !== false) event.preventDefault();
  });
}

export function showHelp() {
  byId("help")?.showModal();
}

byId("help-button")?.addEventListener("click", showHelp);
for (const closer of document.querySelectorAll("[data-close]")) {
  closer.addEventListener("click", () => closer.closest("dialog").close());
}

/** Runs a task now and every `seconds`, but not while the page is hidden; one run at a time, and no call is lost. */
export function repeat(seconds, task) {
  let running = false;
  let again = false;
  const run = async () => {
    if (document.hidden) return;
    again = true;
    if (running) return;
    running = true;
    try {
      while (again) { again = false; await task(); }
    } finally { running = false; }
  };
  run();
  setInterval(() => { if (!running) run(); }, seconds * 1000);
  document.addEventListener("visibilitychange", run);
  return run;
}
