// Copies that a worker makes when somebody asks: one that this browser plays, or one without bystanders.

import { byId, element, get, request, tell } from "./core.js";

const POLL_MS = 1500;

const shown = new Map(); // what is asked for → what its button says while a worker is at it
const buttons = new Map(); // what is asked for → the button that is on the page now

/** A button that has a copy made; it says how far that has got, also after the page was drawn anew. */
export function copyButton(label, body, onMade) {
  const key = JSON.stringify(body);
  const button = element("button", { type: "button", dataset: { label } });
  button.addEventListener("click", () => make(key, body, onMade));
  buttons.set(key, button);
  paint(key);
  return button;
}

/** The redacted copies of a case, and buttons for those that nobody has asked for yet. */
export function showRedacted(incident, mayReview, onMade) {
  const sources = incident.evidence.filter((item) => item.stored && !item.derived_from && ["clip", "snapshot"].includes(item.kind));
  byId("redacted").hidden = !mayReview || sources.length === 0;
  byId("redacted-list").replaceChildren(...sources.map((source) => {
    const copy = incident.evidence.find((item) => item.kind === "redacted" && item.derived_from === source.name && item.stored);
    return element("li", {}, element("span", { class: "mono" }, source.name), copy
      ? element("a", { href: copy.href, target: "_blank", rel: "noopener", download: copy.name }, "Redacted copy")
      : copyButton("Make redacted copy", { kind: "redaction", incident: incident.id, name: source.name }, onMade));
  }));
}

async function make(key, body, onMade) {
  say(key, "Asking…");
  try {
    let job = await request("POST", "/v1/jobs", body);
    while (job.state === "waiting" || job.state === "leased") {
      say(key, job.state === "waiting" ? "Waiting for a worker…" : `Being made… ${Math.round(job.progress * 100)} %`);
      await new Promise((resume) => setTimeout(resume, POLL_MS));
      job = await get(`/v1/jobs/${job.id}`);
    }
    if (job.state !== "done") throw new Error(job.failures.at(-1)?.reason ?? "It was cancelled.");
    tell("The copy is there");
  } catch (error) {
    tell(`No copy: ${error.message}`, { bad: true });
  }
  shown.delete(key);
  paint(key);
  onMade();
}

function say(key, text) {
  shown.set(key, text);
  paint(key);
}

function paint(key) {
  const button = buttons.get(key);
  button.disabled = shown.has(key);
  button.textContent = shown.get(key) ?? button.dataset.label;
}
