// The lists and forms of zones and incidents, and the timeline.

import { byId, element } from "/house/core.js";

const readable = (name) => name.replaceAll("_", " ");
export const seconds = (time_s) => `${time_s.toFixed(3)} s`;

/** Sets the content of a field unless the person is in it. */
function put(id, value) {
  if (document.activeElement !== byId(id)) byId(id).value = value;
}

/** Replaces buttons without taking the keyboard's place away. */
function refill(place, buttons) {
  const focused = [...place.querySelectorAll("button")].indexOf(document.activeElement);
  place.replaceChildren(...buttons);
  if (focused >= 0) place.querySelectorAll("button")[Math.min(focused, place.querySelectorAll("button").length - 1)]?.focus();
}

export class Panels {
  #labels = null;

  constructor(screen) {
    this.screen = screen;
    byId("zone-id").addEventListener("change", (event) => this.#rename(event.target.value.trim()));
    byId("zone-kind").addEventListener("change", (event) => this.#setKind(event.target.value));
    byId("zone-dwell").addEventListener("change", (event) => {
      const dwell_s = Number(event.target.value);
      if (dwell_s > 0) this.#labels.change(() => { this.#labels.selectedZone.dwell_s = dwell_s; });
      this.draw();
    });
    byId("incident-zone").addEventListener("change", (event) => this.#labels.change(() => { this.#labels.selectedIncident.zone = event.target.value; }));
  }

  open(labels) {
    this.#labels = labels;
    byId("zone-kind").replaceChildren(...Object.keys(labels.kinds).map((kind) => element("option", { value: kind }, readable(kind))));
  }

  draw() {
    this.#drawZones();
    this.#drawIncidents();
    this.#drawTimeline();
  }

  #drawZones() {
    const { zones, zone: selected, selectedZone } = this.#labels;
    refill(byId("zones"), zones.map((zone, index) => {
      const button = element("button", { type: "button", "aria-pressed": String(index === selected) }, element("b", {}, zone.id), element("span", { class: "muted" }, `${readable(zone.kind)}, ${zone.dwell_s} s`));
      button.addEventListener("click", () => this.#labels.select({ zone: index }));
      return button;
    }));
    byId("zone-form").hidden = !selectedZone;
    if (!selectedZone) return;
    put("zone-id", selectedZone.id);
    put("zone-kind", selectedZone.kind);
    put("zone-dwell", selectedZone.dwell_s);
  }

  #drawIncidents() {
    const labels = this.#labels;
    refill(byId("incidents"), labels.incidents.map((incident, index) => {
      const when = incident.onset_s === null ? "from the start" : seconds(incident.onset_s);
      const missing = incident.box ? "" : " · no box yet";
      const button = element("button", { type: "button", "aria-pressed": String(index === labels.incident) }, element("b", {}, `${index + 1} ${readable(labels.typeOf(incident) ?? "no zone")}`), element("span", { class: "muted" }, `${incident.zone} · ${when}${missing}`));
      button.addEventListener("click", () => this.go(index));
      return button;
    }));
    const incident = labels.selectedIncident;
    byId("incident-form").hidden = !incident;
    if (!incident) return;
    byId("incident-zone").replaceChildren(...labels.zones.map((zone) => element("option", { value: zone.id }, zone.id)));
    byId("incident-zone").value = incident.zone;
    byId("incident-type").value = readable(labels.typeOf(incident) ?? "zone is missing");
    byId("incident-onset").value = incident.onset_s === null ? "there from the start" : seconds(incident.onset_s);
    byId("incident-end").value = incident.end_s === null ? "still there at the end" : seconds(incident.end_s);
    const alarm_s = labels.alarm(incident);
    const how = alarm_s > labels.due(incident) ? "set by hand" : `onset + ${labels.zoneOf(incident)?.dwell_s ?? 0} s`;
    const gone = alarm_s > (incident.end_s ?? labels.clip.length_s) ? " (over before: no incident)" : "";
    byId("incident-alarm").value = `${seconds(alarm_s)}, ${how}${gone}`;
    byId("incident-box").value = incident.box ? incident.box.map((value) => value.toFixed(3)).join(" ") : "none yet: draw it (b)";
  }

  #drawTimeline() {
    const { clip, incidents, incident: selected } = this.#labels;
    const share = (time_s) => `${Math.min(Math.max(time_s / clip.length_s, 0), 1) * 100}%`;
    const lanes = incidents.map((incident, index) => {
      const [from_s, to_s] = [incident.onset_s ?? 0, incident.end_s ?? clip.length_s];
      const bar = element("button", { type: "button", "aria-pressed": String(index === selected), "aria-label": `Incident ${index + 1}, ${seconds(from_s)} to ${seconds(to_s)}` }, String(index + 1));
      bar.style.left = share(from_s);
      bar.style.width = share(to_s - from_s);
      bar.addEventListener("click", () => this.go(index));
      const alarm = element("i", { title: "Alarm due" });
      alarm.style.left = share(this.#labels.alarm(incident));
      return element("div", { class: "lane" }, bar, alarm);
    });
    refill(byId("timeline"), [...lanes, element("div", { class: "playhead" })]);
    this.movePlayhead();
  }

  movePlayhead() {
    const mark = byId("timeline").querySelector(".playhead");
    if (mark) mark.style.left = `${(this.screen.time_s / this.#labels.clip.length_s) * 100}%`;
  }

  /** Selects an incident and shows its onset. */
  go(index) {
    this.#labels.select({ incident: index });
    const incident = this.#labels.selectedIncident;
    if (incident) this.screen.show(this.screen.nearest(incident.onset_s ?? 0));
  }

  #rename(name) {
    const zone = this.#labels.selectedZone;
    const before = zone.id;
    const isFree = !this.#labels.zones.some((other) => other !== zone && other.id === name);
    if (byId("zone-id").reportValidity() && name && isFree) {
      this.#labels.change(() => {
        zone.id = name;
        for (const incident of this.#labels.incidents) if (incident.zone === before) incident.zone = name;
      });
    } else byId("zone-id").value = before;
  }

  #setKind(kind) {
    const { selectedZone: zone, kinds } = this.#labels;
    this.#labels.change(() => {
      // A dwell that nobody has changed goes with the kind.
      if (zone.dwell_s === kinds[zone.kind].dwell_s) zone.dwell_s = kinds[kind].dwell_s;
      zone.kind = kind;
    });
  }
}
