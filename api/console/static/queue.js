// The queue: what waits for a person, most urgent first, kept up to date without losing one's place.

import { byId, element, get, onKeys, repeat, showHelp, tell } from "./core.js";
import { follow, showFresh } from "./live.js";
import { ago, duration, lasted, readable, reviewBadge, stateBadge, timeElement, typeName } from "./format.js";
import { rememberFilters, recalledFilters } from "./worklist.js";

const PAGE = 50;
const LIMIT_MAX = 200;
const POLL_S = 3;
const POLL_WHILE_FOLLOWING_S = 30; // what makes no news: how long it lasts, whose limit has run out

const list = byId("list");
const filters = byId("filters");
const rows = new Map(); // incident id → { row, drawn }
let selected = sessionStorage.getItem("selected");
let limit = PAGE;
let failing = false;
let following = false;
let stale = true; // something has happened, or something else is wanted
let refreshedAt = 0;
let drawnFor = null; // the filters that the list was drawn for

function chosenFilters() {
  return Object.fromEntries([...new FormData(filters)].filter(([, value]) => value));
}

function restoreFilters() {
  for (const [name, value] of Object.entries(recalledFilters())) {
    const field = filters.elements[name];
    if (!field) continue;
    if (![...field.options].some((option) => option.value === value)) field.append(element("option", { value }, value));
    field.value = value;
  }
}

async function refreshIfDue() {
  if (!stale && following && !failing && Date.now() - refreshedAt < POLL_WHILE_FOLLOWING_S * 1000) return drawAges();
  stale = false;
  refreshedAt = Date.now();
  await refresh();
}

async function refresh() {
  const query = new URLSearchParams({ ...chosenFilters(), order: "queue", limit });
  try {
    const [page, summary] = await Promise.all([get(`/v1/incidents?${query}`), get("/v1/summary")]);
    draw(page.incidents, String(query));
    drawSummary(summary);
    byId("more").hidden = !page.next || limit >= LIMIT_MAX;
    drawEmpty(page.incidents.length === 0, summary);
    showLive(true);
  } catch (error) {
    if (error.status === 422) tell(error.message, { bad: true });
    showLive(false);
  }
}

function draw(incidents, query) {
  const isSameList = drawnFor === query;
  const fresh = isSameList ? incidents.filter((incident) => !rows.has(incident.id)) : [];
  drawnFor = query;
  const wanted = new Set(incidents.map((incident) => incident.id));
  for (const [id, { item }] of rows) {
    if (!wanted.has(id)) { item.remove(); rows.delete(id); }
  }
  incidents.forEach((incident, position) => {
    const item = upToDate(incident);
    if (list.children[position] !== item) list.insertBefore(item, list.children[position] ?? null);
  });
  if (!rows.has(selected)) select(incidents[0]?.id ?? null, { scroll: false });
  else mark();
  showFresh(fresh.map((incident) => rows.get(incident.id).item));
}

function drawAges() {
  for (const { item, confirmedAt } of rows.values()) if (confirmedAt) item.querySelector(".age").textContent = ago(confirmedAt);
}

/** Only what has changed is drawn again, so that pictures don't flicker and focus stays where it is. */
function upToDate(incident) {
  const known = rows.get(incident.id);
  const drawn = JSON.stringify(incident);
  const item = known?.item ?? element("li");
  if (known?.drawn !== drawn) {
    const hadFocus = item.contains(document.activeElement);
    const picture = item.querySelector("img");
    item.replaceChildren(rowOf(incident, picture));
    if (hadFocus) item.firstChild.focus({ preventScroll: true });
  } else {
    const age = item.querySelector(".age");
    if (incident.confirmed_at) age.textContent = ago(incident.confirmed_at);
  }
  rows.set(incident.id, { item, drawn, confirmedAt: incident.confirmed_at });
  return item;
}

function rowOf(incident, oldPicture) {
  const { since, seconds } = lasted(incident);
  const over = incident.dwell_s ? seconds / incident.dwell_s : NaN;
  const place = incident.place ?? incident.camera;
  return element("a", { class: "row", href: `/cases/${incident.id}`, dataset: { id: incident.id } },
    thumbnail(incident, oldPicture),
    element("div", { class: "what" }, element("b", {}, typeName(incident.type)), element("span", {}, incident.why?.summary ?? "")),
    element("div", { class: "where" }, place, element("span", {}, [incident.place && incident.camera, `zone ${incident.zone}`].filter(Boolean).join(" · "))),
    element("div", { class: "since number" }, timeElement(since)),
    element("div", { class: "lasted number" }, duration(seconds), over >= 1 ? element("span", { class: "over", title: `limit ${duration(incident.dwell_s)}` }, `${over.toFixed(1)} × limit`) : ""),
    element("div", { class: "score" }, incident.score.toFixed(2), element("meter", { min: 0, max: 1, value: incident.score, "aria-label": "score" })),
    element("div", { class: "states" }, stateBadge(incident.state), incident.review ? reviewBadge(incident.review) : "", ...caseBadges(incident.case)),
    element("div", { class: "age muted" }, incident.confirmed_at ? ago(incident.confirmed_at) : ""),
  );
}

/** What a reviewer has to know of a case before opening it; that it waits or was judged stands there already. */
function caseBadges({ step, overdue, lock, assignee, due_at: dueAt }) {
  const isOnItsWay = !["discovered", "accepted", "rejected"].includes(step);
  return [
    isOnItsWay ? element("span", { class: "badge", title: assignee ? `assigned to ${assignee}` : null }, readable(step)) : "",
    overdue ? element("span", { class: "badge bad", title: `due ${new Date(dueAt).toLocaleString()}` }, "Overdue") : "",
    lock ? element("span", { class: "badge wait", title: `until ${new Date(lock.until).toLocaleTimeString()}` }, `${lock.by} is at it`) : "",
  ];
}

function thumbnail(incident, oldPicture) {
  const frame = element("div", { class: "thumb" });
  const stored = incident.evidence.filter((item) => item.stored && item.media_type?.startsWith("image/"));
  const best = ["snapshot-alarm-annotated.jpg", "snapshot-alarm.jpg"].map((name) => stored.find((item) => item.name === name)).find(Boolean) ?? stored[0];
  if (!best) frame.textContent = "no picture yet";
  else if (oldPicture?.getAttribute("src") === best.href) frame.append(oldPicture);
  else frame.append(element("img", { src: best.href, alt: "", loading: "lazy", decoding: "async" }));
  return frame;
}

function drawSummary(summary) {
  byId("counts").textContent = `${summary.unreviewed} awaiting review`;
  document.title = `${summary.unreviewed ? `(${summary.unreviewed}) ` : ""}Queue · Streetwarden`;
  const cameras = filters.elements.camera;
  const known = new Set([...cameras.options].map((option) => option.value));
  for (const camera of summary.cameras) if (!known.has(camera)) cameras.append(element("option", { value: camera }, camera));
}

function drawEmpty(isEmpty, summary) {
  const empty = byId("empty");
  empty.hidden = !isEmpty;
  if (!isEmpty) return;
  const [title, text] = empty.children;
  const { review, ...narrowed } = chosenFilters();
  if (summary.cameras.length === 0) {
    title.textContent = "No incident has arrived yet";
    text.textContent = "Start a worker that watches your cameras (streetwarden worker CAMERAS.yaml --events THIS ADDRESS, with a token from streetwarden token create). Incidents appear here by themselves.";
  } else if (Object.keys(narrowed).length) {
    title.textContent = "Nothing fits these filters";
    text.textContent = "Widen the type, camera or state above.";
  } else {
    title.textContent = review === "none" ? "All reviewed" : "Nothing here";
    text.textContent = review === "none" ? "Nobody is waiting for a verdict. New cases appear here by themselves." : "Choose another review state above.";
  }
}

function showLive(isLive) {
  const connection = byId("connection");
  connection.classList.toggle("lost", !isLive);
  if (failing === isLive) connection.lastElementChild.textContent = isLive ? "live" : "connection lost, trying again";
  failing = !isLive;
}

function select(id, { scroll = true } = {}) {
  selected = id;
  if (id) sessionStorage.setItem("selected", id);
  mark();
  if (scroll) rows.get(id)?.item.scrollIntoView({ block: "nearest" });
}

function mark() {
  for (const [id, { item }] of rows) {
    item.firstChild.classList.toggle("selected", id === selected);
    if (id === selected) item.firstChild.setAttribute("aria-current", "true");
    else item.firstChild.removeAttribute("aria-current");
  }
}

function move(step) {
  const items = [...list.children];
  const here = items.findIndex((item) => item.firstChild.dataset.id === selected);
  const there = items[Math.min(Math.max(here + step, 0), items.length - 1)];
  if (there) { select(there.firstChild.dataset.id); there.firstChild.focus({ preventScroll: true }); }
}

onKeys({
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Enter: (event) => {
    if (event.target.closest("a, button")) return false; // the browser opens it
    rows.get(selected)?.item.firstChild.click();
  },
  "?": showHelp,
});

list.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row) select(row.dataset.id, { scroll: false });
});

restoreFilters();
const run = repeat(POLL_S, refreshIfDue);
const refreshNow = () => { stale = true; run(); };
follow(refreshNow, (isOpen) => (following = isOpen));
filters.addEventListener("change", (event) => {
  if (!event.target.matches(":focus-visible")) event.target.blur(); // chosen with the mouse: give the keys back to the list
  limit = PAGE;
  rememberFilters(chosenFilters());
  refreshNow();
});
byId("more").addEventListener("click", () => { limit = Math.min(limit + PAGE, LIMIT_MAX); refreshNow(); });
