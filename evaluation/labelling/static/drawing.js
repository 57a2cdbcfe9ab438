// Zones and boxes over the picture, and drawing new ones by mouse, finger or keyboard.

import { byId } from "/house/core.js";

const NEAR = 0.015; // a click within this part of the frame on the first corner closes a zone
const DRAG = 0.01; // a box that is dragged at least this far needs no second click
const STEP = 0.005; // of the cross, per key; ten times that with Shift
const overlay = byId("overlay");
const hint = byId("hint");
const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

const within = (value) => Math.min(Math.max(value, 0), 1);

export class Drawing {
  #labels = null;
  #screen;
  #task = null; // { corners, isBox, done }: what is being drawn
  #cross = [0.5, 0.5];
  onEnd = () => {}; // called when nothing is drawn any more

  constructor(screen) {
    this.#screen = screen;
    overlay.addEventListener("pointermove", (event) => this.#move(event));
    overlay.addEventListener("pointerdown", (event) => this.#press(event));
    overlay.addEventListener("pointerup", (event) => this.#release(event));
    byId("close-zone").addEventListener("click", () => this.#close());
    byId("give-up").addEventListener("click", () => this.#end());
  }

  open(labels) {
    this.#labels = labels;
    this.#end();
  }

  get active() { return this.#task !== null; }

  /** Begins to draw; `done` gets the corners, in fractions of the frame. */
  begin({ isBox, what, done }) {
    this.#task = { corners: [], isBox, done };
    byId("screen").classList.add("drawing");
    hint.classList.add("active");
    byId("drawing-actions").hidden = false;
    byId("close-zone").hidden = isBox;
    hint.textContent = isBox
      ? `${what}: two opposite corners. Click or drag, or use arrow keys and Enter.`
      : `${what}: click each corner, and the first again to close. Or use arrow keys and Enter.`;
    this.draw();
  }

  /** Takes a key while something is drawn; true if it meant something. */
  key(event) {
    const far = event.shiftKey ? 10 * STEP : STEP;
    const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
    if (moves[event.key]) this.#cross = this.#cross.map((value, axis) => within(value + moves[event.key][axis]));
    else if (event.key === "Enter") this.#corner();
    else if (event.key === "Backspace") this.#task.corners.pop();
    else if (event.key === "f") this.#close();
    else if (event.key === "Escape") this.#end();
    else return false;
    this.draw();
    return true;
  }

  draw() {
    if (!this.#labels) return;
    const { width_px: width, height_px: height } = this.#labels.clip;
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const size = height / Math.max(overlay.clientHeight, 1); // pixels of the clip per pixel on the screen
    const points = (corners) => corners.map(([x, y]) => `${x * width},${y * height}`).join(" ");
    const shapes = [];
    const caption = (x, y, text) => shapes.push(shape("text", { class: "caption", x: x * width + 4 * size, y: Math.max(y * height - 5 * size, 14 * size), "font-size": 13 * size }, text));
    this.#labels.zones.forEach((zone, index) => {
      shapes.push(shape("polygon", { class: `zone${index === this.#labels.zone ? " selected" : ""}`, points: points(zone.polygon), "data-zone": zone.id }));
      const top = zone.polygon.reduce((highest, corner) => (corner[1] < highest[1] ? corner : highest));
      caption(top[0], top[1], zone.id);
    });
    const now_s = this.#screen.time_s;
    this.#labels.incidents.forEach((incident, index) => {
      if (!incident.box) return;
      const [left, top, right, bottom] = incident.box;
      const there = now_s >= (incident.onset_s ?? 0) && now_s < (incident.end_s ?? Infinity);
      const selected = index === this.#labels.incident;
      if (!there && !selected) return;
      shapes.push(shape("rect", { class: `thing${selected ? " selected" : ""}${there ? "" : " absent"}`, x: left * width, y: top * height, width: (right - left) * width, height: (bottom - top) * height, "data-incident": index + 1 }));
      caption(left, top, String(index + 1));
    });
    if (this.#task) this.#drawDraft(shapes, width, height, size, points);
    overlay.replaceChildren(...shapes);
  }

  #drawDraft(shapes, width, height, size, points) {
    const { corners, isBox } = this.#task;
    const [x, y] = this.#cross;
    const outline = isBox && corners.length ? [corners[0], [x, corners[0][1]], [x, y], [corners[0][0], y]] : [...corners, [x, y]];
    shapes.push(shape("polygon", { class: "draft", points: points(outline) }));
    for (const corner of corners) shapes.push(shape("circle", { class: "corner", cx: corner[0] * width, cy: corner[1] * height, r: 5 * size }));
    shapes.push(shape("line", { class: "cross", x1: 0, x2: width, y1: y * height, y2: y * height }), shape("line", { class: "cross", x1: x * width, x2: x * width, y1: 0, y2: height }));
  }

  #move(event) {
    if (!this.#task) return;
    const place = overlay.getBoundingClientRect();
    this.#cross = [within((event.clientX - place.left) / place.width), within((event.clientY - place.top) / place.height)];
    this.draw();
  }

  #press(event) {
    if (!this.#task || event.button !== 0) return;
    event.preventDefault();
    overlay.setPointerCapture(event.pointerId);
    this.#move(event);
    this.#corner();
    this.draw();
  }

  #release(event) {
    if (!this.#task?.isBox || this.#task.corners.length !== 1) return;
    this.#move(event);
    const [from] = this.#task.corners;
    if (from.some((value, axis) => Math.abs(value - this.#cross[axis]) > DRAG)) this.#corner();
    this.draw();
  }

  #corner() {
    const { corners, isBox } = this.#task;
    const first = corners[0];
    if (!isBox && corners.length >= 3 && Math.hypot(first[0] - this.#cross[0], first[1] - this.#cross[1]) < NEAR) { this.#close(); return; }
    corners.push([...this.#cross]);
    if (isBox && corners.length === 2) this.#close();
  }

  #close() {
    const { corners, isBox, done } = this.#task;
    if (isBox) {
      const [[x1, y1], [x2, y2]] = corners;
      if (x1 === x2 || y1 === y2) { corners.pop(); return; }
      this.#end();
      done([Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)]);
    } else if (corners.length >= 3) {
      this.#end();
      done(corners);
    } else hint.textContent = "A zone has at least three corners.";
  }

  #end() {
    this.#task = null;
    byId("screen").classList.remove("drawing");
    hint.classList.remove("active");
    byId("drawing-actions").hidden = true;
    this.draw();
    this.onEnd();
  }
}
