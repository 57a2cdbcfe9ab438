// One case: the clip at the right second, why the machine thinks so, and the verdict.

import { byId, element, get, onKeys, repeat, showHelp, tell } from "./core.js";
import { duration, lasted, measures, named, readable, reviewBadge, size, stateBadge, timeElement, typeName } from "./format.js";
import { heldByOther, keepLock, showFlow } from "./flow.js";
import { showGallery } from "./gallery.js";
import { showRedacted } from "./jobs.js";
import { Player } from "./player.js";
import { goToNext, loadReasons, onReject, openReject, reasonNames, sendVerdict } from "./verdict.js";

const POLL_S = 5;
const CLOCKS = { rtcp: "the camera's own clock (RTCP sender report)", arrival: "arrival at the worker: the camera sends no clock", file: "a recorded file" };

const page = document.querySelector("main.case");
const mayReview = document.body.dataset.mayReview === "yes";
const id = page.dataset.incident;
const path = `/v1/incidents/${id}`;
const player = new Player(() => refresh());
let incident = null;
let drawn = "";
let tables = null;

async function refresh() {
  let fresh;
  let history;
  let flow;
  try {
    tables ??= await loadReasons();
    [fresh, { history }, flow] = await Promise.all([get(path), get(`${path}/history`), get(`/v1/cases/${id}`)]);
  } catch (error) {
    if (!incident || error.status) fail(error);
    return;
  }
  // The working time at the present step grows with every look: no reason to draw anew.
  const text = JSON.stringify([fresh, flow.allowed, flow.photos, flow.events]);
  if (text === drawn) return;
  const isFirst = !drawn;
  drawn = text;
  incident = fresh;
  draw(history, flow);
  page.setAttribute("aria-busy", "false");
  if (isFirst) keepLock();
}

function fail(error) {
  if (incident) { tell(error.message, { bad: true }); return; }
  byId("title").textContent = error.status === 404 ? "There is no such case" : "The case can't be shown";
  byId("where").textContent = error.message;
}

function draw(history, flow) {
  document.title = `${typeName(incident.type)}, ${incident.camera} · Streetwarden`;
  byId("title").textContent = typeName(incident.type);
  byId("badges").replaceChildren(stateBadge(incident.state), " ", reviewBadge(incident.review));
  byId("where").textContent = [incident.place, `camera ${incident.camera}`, `zone ${incident.zone}`].filter(Boolean).join(" · ");
  showFlow(flow, { id, codes: tables, onChange: refresh });
  drawStanding();
  byId("why").textContent = incident.why.summary ?? "";
  drawTable("why-numbers", measures(incident.why));
  drawTable("facts", facts());
  drawEvidence(flow.photos);
  drawHistory(history);
  showGallery(incident, flow.photos);
  showRedacted(incident, mayReview, refresh);
  player.show(incident);
}

function drawStanding() {
  const box = byId("standing");
  const { review } = incident;
  box.className = `standing ${review ? (review.verdict === "confirm" ? "good" : "bad") : "wait"}`;
  if (!review) {
    box.replaceChildren("Not evidence until a person has confirmed it");
  } else {
    const said = review.verdict === "confirm" ? "Confirmed" : `Rejected: ${reasonNames.get(review.reason) ?? review.reason}`;
    box.replaceChildren(said, element("small", {}, `by ${review.reviewer}, `, timeElement(review.reviewed_at), review.note ? ` · ${review.note}` : ""));
  }
  byId("verdict").hidden = !mayReview;
  byId("confirm").disabled = byId("reject").disabled = heldByOther();
  byId("download").hidden = !mayReview;
  byId("download").disabled = review?.verdict !== "confirm";
  byId("download").title = byId("download").disabled ? "Once a person has confirmed the case" : "";
}

function facts() {
  const { since, seconds, atLeast } = lasted(incident);
  const eventCode = tables.event_codes.find(({ code }) => code === incident.event_code);
  const clock = incident.clock;
  return [
    ["Began", incident.onset_at ? timeElement(incident.onset_at) : element("span", {}, "not seen; watched since ", timeElement(since))],
    ["Alarm", timeElement(incident.confirmed_at)],
    ["Ended", incident.ended_at ? timeElement(incident.ended_at) : "not yet seen to end"],
    ["Lasted", `${atLeast ? "at least " : ""}${duration(seconds)}${incident.dwell_s ? ` (limit ${duration(incident.dwell_s)})` : ""}`],
    ["Score", incident.score.toFixed(2)],
    ...incident.subjects?.map((subject) => [readable(subject.role), `${subject.class}${subject.plate ? `, plate ${subject.plate}` : ""}`]) ?? [],
    ["Clock", clock ? CLOCKS[clock.source] ?? clock.source : "source not stated"],
    ["Clock error", clock?.error_s === null || clock?.error_s === undefined ? "not measured" : `${clock.error_s.toFixed(2)} s, measured`],
    incident.direction && ["Direction", incident.direction],
    incident.grid_code && ["Grid code", incident.grid_code],
    incident.event_code && ["Event code", eventCode ? `${incident.event_code} ${named(eventCode.name)}` : incident.event_code],
    ["Case", element("span", { class: "mono" }, `${incident.id} · revision ${incident.revision}`)],
  ].filter(Boolean);
}

function drawTable(id, pairs) {
  byId(id).tBodies[0].replaceChildren(...pairs.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value))));
}

function drawEvidence(photos) {
  byId("evidence").tBodies[0].replaceChildren(...[...incident.evidence, ...photos].map((item) => element("tr", {},
    element("td", {}, item.stored ? element("a", { href: item.href, target: "_blank", rel: "noopener" }, item.name) : item.name, item.derived_from ? element("span", { class: "derived" }, `made from ${item.derived_from}`) : "", item.by ? element("span", { class: "derived" }, `taken by ${item.by}`) : ""),
    element("td", {}, readable(item.kind)),
    element("td", { class: "right" }, item.stored ? size(item.size_bytes) : element("span", { class: "badge wait" }, item.deleted_at ? "deleted" : "not arrived")),
    element("td", { class: "mono", title: item.sha256 }, `${item.sha256.slice(0, 16)}…`))));
}

function drawHistory(history) {
  const lines = {
    revision: (event) => `Revision ${event.revision}: ${event.state}`,
    evidence: (event) => (event.count > 1 ? `${event.count} files of evidence arrived` : `${event.name} arrived`),
    case: (event) => caseLine(event),
    review: (event) => `${event.verdict === "confirm" ? "Confirmed" : `Rejected (${reasonNames.get(event.reason) ?? event.reason})`} by ${event.reviewer}${event.note ? `: ${event.note}` : ""}`,
  };
  byId("history").replaceChildren(...grouped(history.filter(isNews)).map((event) => element("li", {}, timeElement(event.at), element("span", {}, lines[event.event]?.(event) ?? event.event))));
}

/** A verdict stands there itself: the step that it was needs no line of its own. */
const isNews = (event) => event.event !== "case" || !["accept", "reject"].includes(event.action);

const CASE_LINES = {
  comment: (event) => `${event.who}: ${event.note}`,
  assign: (event) => (event.value ? `Assigned to ${event.value}` : "Assigned to nobody"),
  tag: (event) => `Tagged ${event.value}`,
  untag: (event) => `Tag ${event.value} taken off`,
  photo: (event) => `Photo ${event.value}`,
  hold: () => "Put on legal hold",
  release: () => "Legal hold taken off",
  merge: (event) => (event.to ? "Made a part of another case" : `${event.value} made a part of this case`),
  split: (event) => (event.to ? "A case of its own again" : `${event.value} split from this case`),
  delete_footage: () => "Footage deleted",
};

function caseLine(event) {
  if (event.action === "comment") return CASE_LINES.comment(event);
  const what = CASE_LINES[event.action]?.(event) ?? `${readable(event.to)}${event.value ? ` to ${event.value}` : ""}`;
  const reason = event.reason && (codeName(event.reason) ?? event.reason);
  return [`${what} by ${event.who}`, reason, event.action === "photo" ? null : event.note].filter(Boolean).join(" · ");
}

function codeName(code) {
  const found = [...tables.return_reasons, ...tables.grades].find((row) => row.code === code);
  return found && named(found.name);
}

/** Files that arrived one after the other become one line. */
function grouped(history) {
  return history.reduce((lines, event) => {
    const last = lines.at(-1);
    if (event.event === "evidence" && last?.event === "evidence") last.count += 1;
    else lines.push({ ...event, count: 1 });
    return lines;
  }, []);
}

const free = () => mayReview && incident && !heldByOther();
const confirm = () => free() && sendVerdict(incident, "confirm", null, byId("note").value.trim());
const reject = () => free() && openReject();
const next = () => goToNext(page.dataset.incident);

byId("confirm").addEventListener("click", confirm);
byId("reject").addEventListener("click", reject);
byId("next").addEventListener("click", next);
onReject((reason, note) => sendVerdict(incident, "reject", reason, note));
byId("download").addEventListener("click", () => byId("pack-dialog").showModal());
byId("pack-form").addEventListener("submit", () => location.assign(`${path}/package?purpose=${encodeURIComponent(byId("purpose").value.trim())}`));

onKeys({
  c: confirm,
  r: reject,
  n: next,
  q: () => location.assign("/queue"),
  a: () => player.jumpTo("arrival"),
  s: () => player.jumpTo("alarm"),
  b: () => player.toggleBoxes(),
  " ": (event) => (event.target.closest("button, a, video") ? false : player.toggle()),
  "?": showHelp,
});

const done = sessionStorage.getItem("done");
if (done) tell(done);
sessionStorage.removeItem("done");
repeat(POLL_S, refresh);
