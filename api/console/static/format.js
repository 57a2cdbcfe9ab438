// Times, durations, names: how things are written.

import { element } from "./core.js";

const TYPES = { illegal_parking: "Illegal parking", two_wheeler_parking: "Two-wheeler parking", street_vending: "Street vending", road_occupation: "Road occupation", dumping: "Dumping" };
const STATES = { candidate: "Candidate", confirmed: "Still there", ended: "Gone" };
const UNITS = { s: "s", px: "px", m: "m", hz: "Hz", fps: "fps", bytes: "B" };

const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const dayAndTime = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export const typeName = (type) => TYPES[type] ?? readable(type);
export const stateName = (state) => STATES[state] ?? readable(state);

/** "vehicles_passed" → "Vehicles passed" */
export function readable(key) {
  const words = String(key).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A <time> in the local zone, with UTC in its tooltip. Today needs no date. */
export function timeElement(iso) {
  if (!iso) return document.createTextNode("–");
  const moment = new Date(iso);
  const isToday = moment.toDateString() === new Date().toDateString();
  const text = (isToday ? clockTime : dayAndTime).format(moment);
  return element("time", { datetime: iso, title: `${moment.toISOString().replace("T", " ").replace("Z", "")} UTC` }, text);
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.round(Math.max(seconds, 0));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

export function ago(iso) {
  const seconds = (Date.now() - new Date(iso)) / 1000;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Since when, and for how long by what has been seen: up to its end, or up to the newest picture. */
export function lasted(incident) {
  const since = incident.onset_at ?? incident.seen_from_at ?? null;
  const seen = [incident.confirmed_at, ...incident.evidence.map((item) => item.end_at)].filter(Boolean).map((iso) => Date.parse(iso));
  const until = incident.ended_at ? Date.parse(incident.ended_at) : Math.max(...seen);
  const seconds = since && Number.isFinite(until) ? (until - Date.parse(since)) / 1000 : NaN;
  return { since, seconds, atLeast: !incident.onset_at || !incident.ended_at };
}

/** "dwell_s": 74.02 → ["Dwell", "74 s"]; the unit stands in the name. */
export function measure(key, value) {
  const unit = /_([a-z]+)$/.exec(key)?.[1];
  const known = typeof value === "number" && unit in UNITS;
  const name = readable(known ? key.slice(0, -unit.length - 1) : key);
  if (typeof value === "number") {
    const number = Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
    return [name, known ? `${number} ${UNITS[unit]}` : number];
  }
  if (typeof value === "boolean") return [name, value ? "yes" : "no"];
  if (value === null) return [name, "–"];
  return [name, String(value)];
}

/** The numbers of a "why", nested ones flattened; the summary is shown elsewhere. */
export function measures(why, prefix = "") {
  return Object.entries(why).flatMap(([key, value]) => {
    if (!prefix && key === "summary") return [];
    if (value && typeof value === "object" && !Array.isArray(value)) return measures(value, `${prefix}${key}_`);
    return [measure(prefix + key, Array.isArray(value) ? value.map((item) => (typeof item === "object" ? JSON.stringify(item) : item)).join(", ") : value)];
  });
}

/** A name from the city's table, in the browser's language where there is one. */
export function named(name) {
  const chinese = navigator.language.toLowerCase().startsWith("zh");
  return (chinese && name.zh) || name.en;
}

export function reviewBadge(review) {
  if (!review) return element("span", { class: "badge wait" }, "Not reviewed");
  return review.verdict === "confirm" ? element("span", { class: "badge good" }, "Confirmed") : element("span", { class: "badge bad" }, "Rejected");
}

export function stateBadge(state) {
  return element("span", { class: state === "confirmed" ? "badge live" : "badge" }, stateName(state));
}
