// The verdict: confirm with one key, reject with a reason, go on to the next case.

import { byId, element, get, request, tell } from "./core.js";
import { named } from "./format.js";
import { following, worklist } from "./worklist.js";

const dialog = byId("reject-dialog");
let sending = false;
export let reasonNames = new Map();

export async function loadReasons() {
  const tables = await get("/v1/tables");
  reasonNames = new Map(tables.reject_reasons.map(({ code, name }) => [code, named(name)]));
  byId("reasons").replaceChildren(...tables.reject_reasons.map(({ code, name }, index) =>
    element("label", {},
      element("input", { type: "radio", name: "reason", value: code, checked: index === 0 }),
      named(name),
      index < 9 ? element("kbd", {}, String(index + 1)) : "")));
  return tables;
}

export async function sendVerdict(incident, verdict, reason, note) {
  if (sending) return;
  sending = true;
  try {
    const ids = await worklist(); // before the verdict: it tells what comes after this case
    await request("POST", `/v1/incidents/${incident.id}/review`, { verdict, reason, note: note || null, revision: incident.revision });
    goTo(following(ids, incident.id), verdict === "confirm" ? "Confirmed." : "Rejected.");
  } catch (error) {
    tell(error.message, { bad: true });
  } finally {
    sending = false;
  }
}

export async function goToNext(current) {
  try {
    const next = following(await worklist(), current);
    if (next) goTo(next, "");
    else tell("No other case is waiting.");
  } catch (error) {
    tell(error.message, { bad: true });
  }
}

function goTo(id, done) {
  if (done) sessionStorage.setItem("done", done);
  if (id) sessionStorage.setItem("selected", id);
  location.assign(id ? `/cases/${id}` : "/queue");
}

export function openReject() {
  byId("reject-note").value = byId("note").value;
  dialog.showModal();
  byId("reasons").querySelector("input:checked, input")?.focus();
}

export function onReject(send) {
  byId("reject-form").addEventListener("submit", () => send(byId("reasons").querySelector("input:checked")?.value ?? null, byId("reject-note").value.trim()));
  dialog.addEventListener("keydown", (event) => {
    const typing = event.target === byId("reject-note");
    const choice = byId("reasons").querySelectorAll("input")[Number(event.key) - 1];
    if (choice && !typing) { choice.checked = true; choice.focus(); event.preventDefault(); }
    // Enter on a radio button does not send a form in every browser.
    if (event.key === "Enter" && event.target.type === "radio") { event.preventDefault(); byId("reject-send").click(); }
  });
}
