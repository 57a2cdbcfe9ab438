// The player: clips as tabs, the right second at once, zone and boxes over the picture.

import { byId, element, get } from "./core.js";
import { readable, timeElement } from "./format.js";
import { copyButton } from "./jobs.js";
import { drawOverlay } from "./overlay.js";

const LEAD_S = 2; // so that the moment itself is seen coming

const video = byId("video");
const canvas = byId("overlay");
const message = byId("screen-message");
const tabs = byId("clip-tabs");

export class Player {
  #incident = null;
  #clips = [];
  #clip = null;
  #tracks = new Map(); // tracks file's name → its content, or a promise of it
  #onCopy;
  #wanted = null; // second to jump to once the clip is known

  /** `onCopy` is called when a copy has been made that this browser plays. */
  constructor(onCopy) {
    this.#onCopy = onCopy;
    video.addEventListener("loadedmetadata", () => this.#loaded());
    video.addEventListener("error", () => this.#unplayable());
    byId("to-arrival").addEventListener("click", () => this.jumpTo("arrival"));
    byId("to-alarm").addEventListener("click", () => this.jumpTo("alarm"));
    byId("boxes").addEventListener("change", () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(canvas);
    const tick = () => { this.#draw(); requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }

  /** Takes the newest state of the case; a clip that is playing goes on. */
  show(incident) {
    this.#incident = incident;
    this.#clips = viewable(incident.evidence.filter((item) => item.kind === "clip"));
    this.#drawTabs();
    for (const name of ["arrival", "alarm"]) byId(`to-${name}`).disabled = !this.#clipWith(this.#moment(name));
    const current = this.#clips.find((clip) => clip.name === this.#clip?.name && clip.sha256 === this.#clip.sha256);
    if (current) this.#clip = current;
    else this.#start();
    this.#fetchTracks();
  }

  jumpTo(name) {
    const moment = this.#moment(name);
    const clip = this.#clipWith(moment);
    if (clip) this.#play(clip, (moment - Date.parse(clip.start_at)) / 1000 - LEAD_S);
  }

  toggle() {
    if (video.paused) video.play().catch(() => {});
    else video.pause();
  }

  toggleBoxes() {
    byId("boxes").checked = !byId("boxes").checked;
    this.#draw();
  }

  #start() {
    const ready = this.#clips.filter((clip) => clip.stored);
    if (ready.length === 0) {
      this.#say(this.#clips.length ? "The clip has not arrived yet. It will play here by itself." : "There is no clip of this case.");
      return;
    }
    const name = ["arrival", "alarm"].find((wanted) => this.#clipWith(this.#moment(wanted)));
    if (name) this.jumpTo(name);
    else this.#play(ready[0], 0);
  }

  #play(clip, second) {
    this.#wanted = Math.max(second, 0);
    if (this.#clip?.name === clip.name && video.readyState >= HTMLMediaElement.HAVE_METADATA) {
      this.#loaded();
      return;
    }
    this.#clip = clip;
    message.hidden = true;
    video.src = clip.href;
    this.#drawTabs();
  }

  #loaded() {
    if (!video.videoWidth) { this.#unplayable(); return; }
    // Once only for a clip's first frame: a live jump must not fight the person's own.
    if (this.#wanted !== null) video.currentTime = Math.min(this.#wanted, Math.max(video.duration - 0.2, 0));
    this.#wanted = null;
    video.closest(".screen").style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
    video.play().catch(() => {}); // a browser may refuse to start by itself; its own button is there
  }

  #unplayable() {
    if (!this.#clip) return;
    const { name, href } = this.#clip;
    this.#say(
      "This browser can't play the clip: it does not know the codec. ",
      copyButton("Make a viewing copy", { kind: "viewing_copy", incident: this.#incident.id, name }, this.#onCopy),
      element("a", { href, download: name }, "Download it to watch it elsewhere"));
  }

  #say(...content) {
    message.replaceChildren(element("p", {}, ...content));
    message.hidden = false;
  }

  #moment(name) {
    const iso = name === "arrival" ? this.#incident.onset_at : this.#incident.confirmed_at;
    return iso ? Date.parse(iso) : NaN;
  }

  #clipWith(moment) {
    return this.#clips.find((clip) => clip.stored && Date.parse(clip.start_at) <= moment && moment <= Date.parse(clip.end_at));
  }

  #drawTabs() {
    tabs.hidden = this.#clips.length < 2;
    tabs.replaceChildren(...this.#clips.map((clip) => {
      const tab = element("button", { type: "button", role: "tab", "aria-selected": String(clip.name === this.#clip?.name), disabled: !clip.stored }, readable(clip.name.replace(/^clip-?|(-?view(-[0-9a-f]{8})?)?\.[a-z0-9]+$/g, "") || "clip"), clip.stored ? "" : " (not arrived)");
      tab.addEventListener("click", () => this.#play(clip, this.#moment("alarm") >= Date.parse(clip.start_at) && this.#moment("alarm") <= Date.parse(clip.end_at) ? (this.#moment("alarm") - Date.parse(clip.start_at)) / 1000 - LEAD_S : 0));
      return tab;
    }));
  }

  #fetchTracks() {
    for (const item of this.#incident.evidence) {
      if (item.kind !== "tracks" || !item.stored || this.#tracks.has(item.name)) continue;
      this.#tracks.set(item.name, null);
      get(item.href).then((tracks) => this.#tracks.set(item.name, tracks), () => this.#tracks.delete(item.name));
    }
  }

  #draw() {
    // A viewing copy is drawn on with the tracks of what it was made from.
    const tracks = [...this.#tracks.values()].find((known) => known && [this.#clip?.name, this.#clip?.derived_from].includes(known.clip ?? this.#clip?.name)) ?? null;
    drawOverlay(canvas, video, byId("boxes").checked && message.hidden ? tracks : null);
    const clock = byId("clock");
    if (!this.#clip || !video.duration) { clock.replaceChildren(); return; }
    const shown = Math.floor(Date.parse(this.#clip.start_at) / 1000 + video.currentTime);
    if (clock.dataset.shown === String(shown)) return;
    clock.dataset.shown = String(shown);
    clock.replaceChildren(timeElement(new Date(shown * 1000).toISOString()));
  }
}

/** Clips in the order of time; an original gives way to the viewing copy made from it. */
function viewable(clips) {
  const copied = new Set(clips.map((clip) => clip.derived_from).filter(Boolean));
  return clips.filter((clip) => !copied.has(clip.name)).sort((one, other) => Date.parse(one.start_at) - Date.parse(other.start_at));
}
