// Puts the page together: clips, keys, saving.

import { byId, element, get, onKeys, request, showHelp, tell } from "/house/core.js";
import { Drawing } from "./drawing.js";
import { Panels, seconds } from "./panels.js";
import { Screen } from "./screen.js";
import { Labels } from "./state.js";

const screen = new Screen();
const drawing = new Drawing(screen);
const panels = new Panels(screen);
const opened = new Map(); // number of a clip → its labels; what is unsaved stays while another clip is looked at
const { clips, kinds, version } = await get("/api/clips");
let labels = null;

async function open(number) {
  byId("clip").value = String(number);
  if (!opened.has(number)) {
    const fresh = new Labels(await get(`/api/clips/${number}`), kinds);
    fresh.onChange(() => { if (fresh === labels) draw(); });
    opened.set(number, fresh);
  }
  labels = opened.get(number);
  byId("scrub").max = labels.clip.times_s.length - 1;
  panels.open(labels);
  screen.open(number, labels, version);
  drawing.open(labels);
  draw();
  if (labels.early) tell(`${labels.early} alarms lie before onset and dwell: saving moves them there.`, { bad: true });
}

function draw() {
  panels.draw();
  drawing.draw();
  moved();
  tellNext();
  byId("undo").disabled = !labels.canUndo;
  byId("unsaved").hidden = !labels.unsaved;
  document.title = `${labels.unsaved ? "• " : ""}${labels.clip.name} · Streetwarden`;
}

/** Says what comes next, to somebody who sees the page for the first time. */
function tellNext() {
  if (drawing.active || !labels) return;
  const unfinished = labels.incidents.findIndex((incident) => !incident.box);
  byId("hint").textContent = labels.zones.length === 0
    ? "Begin with a zone: z, then its corners."
    : labels.incidents.length === 0
      ? "Step to the picture in which something begins in a zone, and press i. If nothing does: save."
      : unfinished >= 0
        ? `Incident ${unfinished + 1} needs its box: b. Then step to its end and press o, if it has one.`
        : "";
}

function moved() {
  if (!labels) return;
  byId("clock").value = `picture ${screen.frame} of ${screen.last} · ${seconds(screen.time_s)} of ${seconds(labels.clip.length_s)}`;
  if (document.activeElement !== byId("scrub") || screen.playing) byId("scrub").value = screen.frame;
  byId("scrub").setAttribute("aria-valuetext", `picture ${screen.frame}, ${seconds(screen.time_s)}`);
  panels.movePlayhead();
  drawing.draw();
}

async function save() {
  const saving = labels;
  const number = Number(byId("clip").value);
  try {
    const answer = await request("PUT", `/api/clips/${number}`, saving.content());
    saving.saved();
    tell(`Saved: ${answer.files.join(", ")}`);
  } catch (problem) {
    tell(`Not saved.\n${problem.message}`, { bad: true });
  }
}

function drawZone(again = false) {
  const zone = again ? labels.selectedZone : null;
  drawing.begin({
    isBox: false,
    what: zone ? `Zone ${zone.id}` : "New zone",
    done: (polygon) => labels.change(() => {
      if (zone) { labels.selectedZone.polygon = polygon; return; }
      const kind = labels.selectedZone?.kind ?? Object.keys(kinds)[0];
      labels.zones.push({ id: labels.freeName(kind), kind, polygon, dwell_s: kinds[kind].dwell_s });
      labels.zone = labels.zones.length - 1;
    }),
  });
}

function newIncident() {
  const zone = labels.selectedZone;
  if (!zone) { tell("Draw a zone first (z): an incident happens in one."); return; }
  labels.change(() => {
    labels.incidents.push({ zone: zone.id, onset_s: screen.time_s, end_s: null, box: null, alarm_not_before_s: null });
    labels.incident = labels.incidents.length - 1;
  });
}

/** Changes the selected incident, or says that there is none. */
function change(what) {
  const incident = labels.selectedIncident;
  if (incident) labels.change(() => what(incident));
  else tell("No incident is selected: n begins one, j and k choose one.");
}

function drawBox() {
  const incident = labels.selectedIncident;
  if (!incident) { change(); return; }
  const number = labels.incident + 1;
  drawing.begin({ isBox: true, what: `Box of incident ${number}`, done: (box) => change((chosen) => { chosen.box = box; }) });
}

const acts = {
  onset: () => (labels.selectedIncident ? change((incident) => { incident.onset_s = screen.time_s; }) : newIncident()),
  before: () => change((incident) => { incident.onset_s = null; }),
  end: () => change((incident) => { incident.end_s = screen.time_s; }),
  never: () => change((incident) => { incident.end_s = null; }),
  alarm: () => change((incident) => { incident.alarm_not_before_s = screen.time_s > labels.due(incident) ? screen.time_s : null; }),
  remove: () => change(() => {
    labels.incidents.splice(labels.incident, 1);
    labels.incident = null;
  }),
  choose: (step) => {
    const count = labels.incidents.length;
    if (count) panels.go(labels.incident === null ? (step > 0 ? 0 : count - 1) : (labels.incident + step + count) % count);
  },
  undo: () => { if (!labels.undo()) tell("Nothing to undo."); },
};

function deleteZone() {
  const zone = labels.selectedZone;
  if (labels.incidents.some((incident) => incident.zone === zone.id)) { tell(`Incidents still happen in ${zone.id}: delete or move them first.`, { bad: true }); return; }
  labels.change(() => {
    labels.zones.splice(labels.zone, 1);
    labels.zone = labels.zones.length ? 0 : null;
  });
}

const clicks = {
  save, undo: acts.undo, play: () => screen.toggle(), "draw-zone": () => drawZone(), "redraw-zone": () => drawZone(true), "delete-zone": deleteZone,
  "new-incident": newIncident, "onset-here": acts.onset, "onset-before": acts.before, "end-here": acts.end, "end-never": acts.never,
  "draw-box": drawBox, "alarm-here": acts.alarm, "delete-incident": acts.remove,
};
for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", act);
for (const button of document.querySelectorAll("[data-step]")) {
  const step = button.dataset.step;
  button.addEventListener("click", () => (step.endsWith("s") ? screen.stepSeconds(parseInt(step, 10)) : screen.step(Number(step))));
}
byId("scrub").addEventListener("input", (event) => screen.show(Number(event.target.value)));
// Whoever let go of the slider, or confirmed a field, wants the keys back.
byId("scrub").addEventListener("pointerup", (event) => event.target.blur());
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.("input")) event.target.blur();
});
byId("clip").addEventListener("change", (event) => open(Number(event.target.value)));
screen.onMove(moved);
drawing.onEnd = tellNext;

// While something is drawn, keys move the cross; this comes before the page's own keys.
document.addEventListener("keydown", (event) => {
  if (!drawing.active || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey) return;
  if (event.target.closest?.("input, select") && event.key !== "Escape") return;
  if (event.key === "Tab" || (event.target.closest?.("#drawing-actions") && ["Enter", " "].includes(event.key))) return;
  if (drawing.key(event)) event.preventDefault();
  event.stopImmediatePropagation(); // nothing else changes meanwhile
}, { capture: true });
document.addEventListener("keydown", (event) => {
  if (!event.ctrlKey && !event.metaKey) return;
  const act = { s: save, z: acts.undo }[event.key];
  if (act && !drawing.active && !event.target.closest?.("input:not([type=range])")) { event.preventDefault(); act(); }
});
const step = (sign) => (event) => (event.shiftKey ? screen.stepSeconds(sign) : screen.step(sign));
onKeys({
  ArrowLeft: step(-1), ArrowRight: step(1), Home: () => screen.show(0), End: () => screen.show(screen.last),
  // On a button, space is that button's.
  " ": (event) => (event.target.closest?.("button") ? false : screen.toggle()),
  z: () => drawZone(), n: newIncident, i: acts.onset, o: acts.end, w: acts.before, e: acts.never, b: drawBox, a: acts.alarm,
  j: () => acts.choose(1), k: () => acts.choose(-1), Delete: acts.remove, Escape: () => labels.select({ incident: null }),
  u: acts.undo, s: save, "?": showHelp,
});
addEventListener("beforeunload", (event) => {
  if ([...opened.values()].some((one) => one.unsaved)) event.preventDefault();
});

byId("clip").replaceChildren(...clips.map((name, number) => element("option", { value: number }, name)));
await open(0);
document.body.dataset.ready = "yes";
