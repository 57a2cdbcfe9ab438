// One case: the clip at the right second, why the machine thinks so, and the verdict.

import { byId, element, get, onKeys, repeat, showHelp, tell } from "./core.js";
import { duration, lasted, measures, named, readable, reviewBadge, size, stateBadge, timeElement, typeName } from "./format.js";
import { showGallery } from "./gallery.js";
import { Player } from "./player.js";
import { goToNext, loadReasons, onReject, openReject, reasonNames, sendVerdict } from "./verdict.js";

const POLL_S = 5;
const CLOCKS = { rtcp: "the camera's own clock (RTCP sender report)", arrival: "arrival at the worker: the camera sends no clock", file: "a recorded file" };

const page = document.querySelector("main.case");
const mayReview = document.body.dataset.mayReview === "yes";
const path = `/v1/incidents/${page.dataset.incident}`;
const player = new Player();
let incident = null;
let drawn = "";
let tables = null;

async function refresh() {
  let fresh;
  let history;
  try {
    tables ??= await loadReasons();
    [fresh, { history }] = await Promise.all([get(path), get(`${path}/history`)]);
  } catch (error) {
    if (!incident || error.status) fail(error);
    return;
  }
  const text = JSON.stringify(fresh);
  if (text === drawn) return;
  drawn = text;
  incident = fresh;
  draw(history);
  page.setAttribute("aria-busy", "false");
}

function fail(error) {
  if (incident) { tell(error.message, { bad: true }); return; }
  byId("title").textContent = error.status === 404 ? "There is no such case" : "The case can't be shown";
  byId("where").textContent = error.message;
}

function draw(history) {
  document.title = `${typeName(incident.type)}, ${incident.camera} · Streetwarden`;
  byId("title").textContent = typeName(incident.type);
  byId("badges").replaceChildren(stateBadge(incident.state), " ", reviewBadge(incident.review));
  byId("where").textContent = [incident.place, `camera ${incident.camera}`, `zone ${incident.zone}`].filter(Boolean).join(" · ");
  drawStanding();
  byId("why").textContent = incident.why.summary ?? "";
  drawTable("why-numbers", measures(incident.why));
  drawTable("facts", facts());
  drawEvidence();
  drawHistory(history);
  showGallery(incident);
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

function drawEvidence() {
  byId("evidence").tBodies[0].replaceChildren(...incident.evidence.map((item) => element("tr", {},
    element("td", {}, item.stored ? element("a", { href: item.href, target: "_blank", rel: "noopener" }, item.name) : item.name, item.derived_from ? element("span", { class: "derived" }, `made from ${item.derived_from}`) : ""),
    element("td", {}, readable(item.kind)),
    element("td", { class: "right" }, item.stored ? size(item.size_bytes) : element("span", { class: "badge wait" }, "not arrived")),
    element("td", { class: "mono", title: item.sha256 }, `${item.sha256.slice(0, 16)}…`))));
}

function drawHistory(history) {
  const lines = {
    revision: (event) => `Revision ${event.revision}: ${event.state}`,
    evidence: (event) => (event.count > 1 ? `${event.count} files of evidence arrived` : `${event.name} arrived`),
    review: (event) => `${event.verdict === "confirm" ? "Confirmed" : `Rejected (${reasonNames.get(event.reason) ?? event.reason})`} by ${event.reviewer}${event.note ? `: ${event.note}` : ""}`,
  };
  byId("history").replaceChildren(...grouped(history).map((event) => element("li", {}, timeElement(event.at), element("span", {}, lines[event.event]?.(event) ?? event.event))));
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

const confirm = () => mayReview && incident && sendVerdict(incident, "confirm", null, byId("note").value.trim());
const reject = () => mayReview && incident && openReject();
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
