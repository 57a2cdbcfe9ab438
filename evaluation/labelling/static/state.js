// What is known of one clip: zones, incidents, what is selected, and the way back.

const UNDO_MAX = 200; // steps kept; each is a few hundred bytes

export class Labels {
  #undo = [];
  #listeners = [];
  #saved;

  constructor(clip, kinds) {
    this.clip = clip;
    this.kinds = kinds;
    this.zones = clip.labels.zones;
    this.incidents = clip.labels.incidents;
    this.zone = this.zones.length ? 0 : null; // index of the selected one
    this.incident = null;
    this.early = 0; // alarms in the file that can't be
    for (const incident of this.incidents) {
      this.early += incident.alarm_s < this.due(incident) - 0.0005;
      // What was written stays: rubbish raises its alarm only once whoever put it there has gone.
      const later = incident.alarm_s > this.due(incident) + 0.0005;
      incident.alarm_not_before_s = later ? incident.alarm_s : null;
    }
    this.#saved = this.#text();
  }

  onChange(listener) { this.#listeners.push(listener); }

  get unsaved() { return this.#text() !== this.#saved; }
  get canUndo() { return this.#undo.length > 0; }
  get selectedZone() { return this.zones[this.zone] ?? null; }
  get selectedIncident() { return this.incidents[this.incident] ?? null; }

  /** Changes something, so that it can be undone. */
  change(what) {
    const before = this.#text();
    const selected = [this.zone, this.incident];
    what();
    if (this.#text() === before) return;
    this.#undo.push([before, selected]);
    if (this.#undo.length > UNDO_MAX) this.#undo.shift();
    this.#tell();
  }

  undo() {
    const step = this.#undo.pop();
    if (!step) return false;
    ({ zones: this.zones, incidents: this.incidents } = JSON.parse(step[0]));
    [this.zone, this.incident] = step[1];
    this.#tell();
    return true;
  }

  select({ zone = this.zone, incident = this.incident }) {
    [this.zone, this.incident] = [zone, incident];
    this.#tell();
  }

  zoneOf(incident) { return this.zones.find((zone) => zone.id === incident.zone) ?? null; }
  typeOf(incident) { return this.kinds[this.zoneOf(incident)?.kind]?.type ?? null; }

  /** When onset and dwell are over. */
  due(incident) { return (incident.onset_s ?? 0) + (this.zoneOf(incident)?.dwell_s ?? 0); }
  alarm(incident) { return Math.max(this.due(incident), incident.alarm_not_before_s ?? 0); }

  /** A name for a new zone that no other has. */
  freeName(kind) {
    const taken = new Set(this.zones.map((zone) => zone.id));
    for (let number = 1; ; number += 1) if (!taken.has(`${kind}-${number}`)) return `${kind}-${number}`;
  }

  /** What the server takes. */
  content() {
    const incidents = this.incidents.map(({ alarm_not_before_s, ...incident }) => ({ ...incident, alarm_s: alarm_not_before_s ?? null }));
    return { zones: this.zones, incidents };
  }

  saved() {
    this.#saved = this.#text();
    this.#tell();
  }

  #text() { return JSON.stringify({ zones: this.zones, incidents: this.incidents }); }
  #tell() { for (const listener of this.#listeners) listener(); }
}
