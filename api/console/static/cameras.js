// How cameras do: all that whoever looks may see, what is wrong first.

import { byId, element, get, repeat, tell } from "./core.js";
import { ago, duration, readable, timeElement } from "./format.js";

const PAGE = 1000;
const POLL_S = 5;
const FINE = ["ok", "ended"];
const GRAVITY = ["down", "misconfigured", "covered", "dark", "frozen", "moved", "blurred"];
const WHY = {
  covered: "Something covers the lens; its rules hold still.",
  dark: "The picture is black.",
  frozen: "The picture does not change.",
  moved: "It looks elsewhere; its zones hold still.",
  blurred: "The picture is blurred.",
};

const filters = byId("filters");
let cameras = [];

async function everything() {
  const found = [];
  let after = null;
  do {
    const query = new URLSearchParams({ limit: PAGE, ...(after && { after }) });
    const page = await get(`/v1/cameras?${query}`);
    found.push(...page.cameras);
    after = page.next;
  } while (after);
  return found;
}

const isWrong = (camera) => camera.condition && !FINE.includes(camera.condition);
const gravity = (camera) => (isWrong(camera) ? GRAVITY.indexOf(camera.condition) : GRAVITY.length);

function isWanted(camera) {
  const { condition, find } = Object.fromEntries(new FormData(filters));
  if (condition === "faults" ? !isWrong(camera) : condition && camera.condition !== condition) return false;
  const words = [camera.camera, camera.area, camera.worker].join(" ").toLowerCase();
  return words.includes(find.trim().toLowerCase());
}

function badge(camera) {
  if (!camera.condition) return element("span", { class: "badge" }, "Unknown");
  const looks = camera.condition === "ok" ? "good" : isWrong(camera) ? "bad" : "";
  return element("span", { class: `badge ${looks}` }, camera.condition === "ok" ? "OK" : readable(camera.condition));
}

function reason(camera) {
  const report = camera.report ?? {};
  if (camera.condition === "misconfigured") return report.refused;
  if (camera.condition === "down") return camera.worker ? (report.last_error ?? "It sends nothing.") : "No worker watches it.";
  return WHY[camera.condition];
}

function row(camera) {
  const report = camera.report ?? {};
  const why = reason(camera);
  const number = (value, digits = 0) => element("td", { class: "right" }, Number.isFinite(value) ? value.toFixed(digits) : "–");
  const age = isWrong(camera) && camera.condition === "down" ? NaN : report.last_packet_age_s;
  return element(
    "tr",
    { dataset: { camera: camera.camera } },
    element("td", {}, element("b", {}, camera.camera)),
    element("td", { class: "detail" }, badge(camera), why && element("span", { class: "why" }, why)),
    element("td", { title: camera.since ?? "" }, camera.since ? timeElement(camera.since) : "–"),
    element("td", {}, camera.area ?? "–"),
    element("td", { title: camera.seen_at ? `heard ${ago(camera.seen_at)}` : "" }, camera.worker ?? "–"),
    number(report.fps, 1),
    element("td", { class: "right" }, Number.isFinite(report.gop_s) ? `${report.gop_s.toFixed(1)} s` : "–"),
    number(report.kbit_per_s),
    element("td", { class: "right" }, Number.isFinite(age) ? `${duration(age)} ago` : "–"),
  );
}

function draw() {
  const shown = cameras.filter(isWanted).sort((a, b) => gravity(a) - gravity(b) || a.camera.localeCompare(b.camera));
  byId("rows").replaceChildren(...shown.map(row));
  byId("empty").hidden = shown.length > 0;
  const wrong = cameras.filter(isWrong).length;
  byId("counts").textContent = `${cameras.length} cameras, ${wrong ? `${wrong} with a fault` : "none with a fault"}`;
}

filters.addEventListener("input", draw);
filters.addEventListener("submit", (event) => event.preventDefault());

repeat(POLL_S, async () => {
  try {
    cameras = await everything();
    draw();
  } catch (error) {
    tell(error.message, { bad: true });
  }
});
