// The way of a case: which step it is at, whose it is, until when, and the buttons for what comes next.

import { byId, element, get, request, tell } from "./core.js";
import { named, readable, timeElement } from "./format.js";

const WAY = ["discovered", "accepted", "dispatched", "handled", "verified", "archived", "appraised"];
const ASIDE = new Set(["rejected", "merged"]);
/** Confirm and reject have their own buttons, beside the clip. */
const ELSEWHERE = new Set(["accept", "reject"]);
const BUTTONS = { dispatch: "Dispatch…", handle: "Handled…", return: "Send back…", verify: "Verify", archive: "Archive", appraise: "Appraise…", reopen: "Reopen…" };
const QUESTIONS = {
  dispatch: "Dispatch: to whom?", handle: "Handled: what was done?", return: "Send back: why?", verify: "Verify", archive: "Archive",
  appraise: "Appraise: how was it done?", reopen: "Reopen: why?",
};
const RENEW_S = 60;

const dialog = byId("step-dialog");
let state = null; // the answer of GET /v1/cases/ID
let path = "";
let tables = null;
let me = "";
let changed = () => {};
let locked = false;
let asking = null;
let sending = false;

/** Shows where the case stands; `onChange` is called after something was done to it. */
export function showFlow(fresh, { id, codes, onChange }) {
  state = fresh;
  path = `/v1/cases/${id}`;
  tables = codes;
  me = document.body.dataset.me;
  changed = onChange;
  drawWay();
  drawStanding();
  drawButtons();
}

/** Whether somebody else is at the case right now. */
export const heldByOther = () => Boolean(state?.case.lock && state.case.lock.by !== me);

function drawWay() {
  const { step } = state.case;
  const here = WAY.indexOf(step);
  const marks = WAY.map((name, index) => element("li", { class: index < here ? "past" : "", "aria-current": index === here ? "step" : null }, readable(name)));
  if (ASIDE.has(step)) marks.push(element("li", { class: "aside", "aria-current": "step" }, readable(step)));
  byId("way").replaceChildren(...marks);
}

function drawStanding() {
  const { case: standing } = state;
  const lines = [
    standing.assignee && ["Assigned to", standing.assignee],
    standing.due_at && ["Due", element("span", { class: standing.overdue ? "overdue" : "" }, timeElement(standing.due_at), standing.overdue ? " · overdue" : "")],
    standing.tags.length && ["Tags", standing.tags.join(", ")],
    standing.merged_into && ["Part of", element("a", { href: `/cases/${standing.merged_into}` }, standing.merged_into)],
    standing.merged.length && ["Parts", element("span", {}, ...standing.merged.flatMap((id, index) => [index ? ", " : "", element("a", { href: `/cases/${id}` }, id)]))],
    standing.hold && ["Legal hold", standing.hold],
    standing.footage_deleted_at && ["Footage", element("span", {}, "deleted ", timeElement(standing.footage_deleted_at))],
  ].filter(Boolean);
  byId("flow-facts").tBodies[0].replaceChildren(...lines.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value))));
  byId("flow-facts").hidden = !lines.length;
  const held = byId("held");
  held.hidden = !heldByOther();
  if (heldByOther()) held.replaceChildren(`${standing.lock.by} is at this case until `, timeElement(standing.lock.until));
}

function drawButtons() {
  // What leads on comes first; sending it to somebody else does not.
  const ways = state.allowed.filter(({ action }) => !ELSEWHERE.has(action)).sort((one, other) => leadsOn(other) - leadsOn(one));
  byId("step-buttons").replaceChildren(...ways.map((way, index) => {
    const button = element("button", { type: "button", class: index === 0 && leadsOn(way) ? "primary" : "", disabled: heldByOther(), dataset: { action: way.action } }, labelOf(way));
    button.addEventListener("click", () => begin(way));
    return button;
  }));
  byId("photo-label").hidden = !(state.may.includes("photo") && ["dispatched", "handled"].includes(state.case.step));
  byId("comment-form").hidden = !state.may.includes("comment");
}

const leadsOn = ({ to }) => Number(WAY.indexOf(to) > WAY.indexOf(state.case.step));
const labelOf = ({ action, to }) => (to === state.case.step ? "Send somebody else…" : BUTTONS[action] ?? readable(action));

async function begin(way) {
  if (!way.needs.length) { await take({ action: way.action }); return; }
  asking = way;
  byId("step-title").textContent = QUESTIONS[way.action] ?? readable(way.action);
  byId("step-note").value = "";
  byId("step-note").required = way.needs.includes("note");
  byId("step-reasons").replaceChildren(...reasonChoices(way));
  byId("step-assignee").parentElement.hidden = !way.needs.includes("assignee");
  if (way.needs.includes("assignee")) await fillAssignees();
  byId("step-send").textContent = labelOf(way).replace("…", "");
  dialog.showModal();
  dialog.querySelector("select:not([hidden]), input:checked, textarea")?.focus();
}

function reasonChoices(way) {
  const table = { return: tables.return_reasons, appraise: tables.grades }[way.action] ?? [];
  return table.map(({ code, name }, index) => element("label", {}, element("input", { type: "radio", name: "step-reason", value: code, checked: index === 0 }), named(name)));
}

async function fillAssignees() {
  try {
    const { assignees } = await get(`/v1/assignees?incident=${state.id}`);
    byId("step-assignee").replaceChildren(...assignees.map(({ name, unit }) => element("option", { value: name, selected: name === state.case.assignee }, unit ? `${name} · ${unit}` : name)));
  } catch (error) {
    tell(error.message, { bad: true });
  }
}

async function take(step) {
  if (sending) return;
  sending = true;
  try {
    const { step: now } = await request("POST", `${path}/steps`, { ...step, at_step: state.case.step });
    tell(`The case is ${now} now.`);
  } catch (error) {
    tell(error.message, { bad: true });
  } finally {
    sending = false;
    await changed();
  }
}

byId("step-form").addEventListener("submit", () => {
  const needs = new Set(asking.needs);
  take({
    action: asking.action,
    reason: needs.has("reason") ? dialog.querySelector("input[name=step-reason]:checked")?.value ?? null : null,
    assignee: needs.has("assignee") ? byId("step-assignee").value || null : null,
    note: byId("step-note").value.trim() || null,
  });
});

byId("comment-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("comment").value.trim();
  if (!text) return;
  try {
    await request("POST", `${path}/comments`, { text });
    byId("comment").value = "";
  } catch (error) {
    tell(error.message, { bad: true });
  }
  await changed();
});

byId("photo").addEventListener("change", async () => {
  for (const file of byId("photo").files) await sendPhoto(file);
  byId("photo").value = "";
  await changed();
});

async function sendPhoto(file) {
  if (!crypto.subtle) { tell("Photos can be sent over https only.", { bad: true }); return; }
  try {
    const bytes = await file.arrayBuffer();
    const digest = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))));
    const ending = file.type === "image/png" ? "png" : "jpg";
    const name = `photo-${new Date().toISOString().replace(/[^0-9]/g, "")}.${ending}`;
    await request("PUT", `${path}/photos/${name}`, bytes, { "Repr-Digest": `sha-256=:${digest}:`, "Content-Type": "application/octet-stream" });
    tell("The photo is with the case.");
  } catch (error) {
    tell(error.message, { bad: true });
  }
}

/** Takes the case while somebody who can move it looks at it, so that no two people judge it at once. */
export async function keepLock() {
  if (!state || document.hidden || heldByOther() || !state.allowed.length) return;
  try {
    await request("PUT", `${path}/lock`);
    locked = true;
  } catch { /* somebody was faster: the next look at the case shows who */ }
}

setInterval(keepLock, RENEW_S * 1000);
window.addEventListener("pagehide", () => {
  if (locked) fetch(`${path}/lock`, { method: "DELETE", keepalive: true, headers: { "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content } });
});
