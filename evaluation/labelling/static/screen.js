// The picture: stepped through picture by picture as the server decodes it, or played as a film.

import { byId, tell } from "/house/core.js";

const picture = byId("picture");
const film = byId("film");
const screen = byId("screen");

export class Screen {
  frame = 0;
  #labels = null;
  #number = 0;
  #version = "";
  #loading = false;
  #listeners = [];
  #shown = null; // frame whose picture is on the screen

  constructor() {
    picture.addEventListener("load", () => this.#loaded());
    picture.addEventListener("error", () => this.#failed());
    film.addEventListener("pause", () => this.#paused());
    film.addEventListener("ended", () => this.#paused());
    new ResizeObserver(() => this.fit()).observe(screen.parentElement);
    addEventListener("resize", () => this.fit());
    const follow = () => {
      if (this.playing) this.#at(this.nearest(film.currentTime));
      requestAnimationFrame(follow);
    };
    requestAnimationFrame(follow);
  }

  onMove(listener) { this.#listeners.push(listener); }

  open(number, labels, version) {
    film.pause();
    film.hidden = true;
    film.removeAttribute("src");
    [this.#number, this.#labels, this.#version, this.#shown] = [number, labels, version, null];
    this.fit();
    this.show(0);
  }

  get #times() { return this.#labels.clip.times_s; }
  get last() { return this.#times.length - 1; }
  get time_s() { return this.#times[this.frame]; }
  get playing() { return !film.hidden && !film.paused; }

  /** The picture whose time is nearest. */
  nearest(time_s) {
    const times = this.#times;
    let [low, high] = [0, times.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < time_s) low = middle + 1;
      else high = middle;
    }
    return low > 0 && time_s - times[low - 1] < times[low] - time_s ? low - 1 : low;
  }

  step(pictures) { this.show(this.frame + pictures); }

  /** Steps a second: to the nearest picture, but always at least one. */
  stepSeconds(seconds) {
    const aim = this.nearest(this.time_s + seconds);
    this.show(aim === this.frame ? this.frame + Math.sign(seconds) : aim);
  }

  show(frame) {
    if (this.playing) film.pause();
    this.#at(Math.min(Math.max(frame, 0), this.last));
    this.#fetch();
  }

  async toggle() {
    if (this.playing) { film.pause(); return; }
    const answer = await (await fetch(`/api/clips/${this.#number}/film`)).json();
    if (answer.state === "preparing") { tell("This browser can't play the clip itself: a copy is being made. Stepping works meanwhile."); return; }
    if (answer.state === "failed") { tell(`The clip can't be played: ${answer.reason}. Stepping works.`, { bad: true }); return; }
    const source = `/api/clips/${this.#number}/film.mp4?v=${this.#version}`;
    if (film.getAttribute("src") !== source) film.src = source;
    film.currentTime = this.time_s;
    film.hidden = false;
    byId("play").firstChild.textContent = "Pause ";
    await film.play().catch(() => { film.hidden = true; tell("This browser can't play the clip. Stepping works.", { bad: true }); });
  }

  /** As large as column and window allow. */
  fit() {
    if (!this.#labels) return;
    const { width_px, height_px } = this.#labels.clip;
    const room = Math.max(innerHeight - (innerWidth > 960 ? 270 : 330), 180);
    const width = Math.min(screen.parentElement.clientWidth, room * width_px / height_px);
    screen.style.width = `${Math.floor(width)}px`;
    screen.style.height = `${Math.floor(width * height_px / width_px)}px`;
  }

  #at(frame) {
    if (frame === this.frame && this.#shown !== null) return;
    this.frame = frame;
    for (const listener of this.#listeners) listener();
  }

  // One request at a time; whoever holds an arrow key down gets the newest picture, not all of them.
  #fetch() {
    if (this.#loading || this.#shown === this.frame) return;
    this.#loading = true;
    picture.dataset.wanted = this.frame;
    picture.src = `/api/clips/${this.#number}/frames/${this.frame}.jpg?v=${this.#version}`;
  }

  #loaded() {
    this.#loading = false;
    this.#shown = Number(picture.dataset.wanted);
    picture.dataset.frame = this.#shown;
    picture.alt = `Picture ${this.#shown} of ${this.#labels.clip.name}`;
    if (this.#shown === this.frame) {
      if (film.paused) film.hidden = true;
      for (const listener of this.#listeners) listener();
    } else if (!this.playing) this.#fetch();
  }

  #failed() {
    this.#loading = false;
    this.#shown = Number(picture.dataset.wanted);
    tell(`Picture ${this.#shown} can't be decoded.`, { bad: true });
  }

  #paused() {
    byId("play").firstChild.textContent = "Play ";
    if (!this.#labels) return;
    this.#at(this.nearest(film.currentTime));
    this.#fetch();
    if (this.#shown === this.frame) film.hidden = true;
  }
}
