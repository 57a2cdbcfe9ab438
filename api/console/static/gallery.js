// The snapshots: small ones in a row, one large in a dialog.

import { byId, element } from "./core.js";
import { readable, timeElement } from "./format.js";

const dialog = byId("picture-dialog");
let pictures = [];
let shown = 0;

/** The camera's pictures, and behind them the photos that people took of what was done. */
export function showGallery(incident, photos = []) {
  const fromCamera = incident.evidence
    .filter((item) => (item.kind === "snapshot" || item.kind === "closeup") && item.stored)
    .sort((one, other) => Date.parse(one.start_at) - Date.parse(other.start_at) || original(one).localeCompare(original(other)) || Number(Boolean(one.derived_from)) - Number(Boolean(other.derived_from)));
  pictures = [...fromCamera, ...photos.filter((photo) => photo.stored).map((photo) => ({ ...photo, start_at: photo.added_at }))];
  byId("gallery").replaceChildren(...pictures.map((item, index) => {
    const button = element("button", { type: "button", "aria-label": `Enlarge ${caption(item)}` },
      element("img", { src: item.href, alt: "", loading: "lazy" }),
      element("span", {}, `${caption(item)} `, timeElement(item.start_at)));
    button.addEventListener("click", () => open(index));
    return button;
  }));
}

/** A copy stands beside what it was made from. */
const original = (item) => item.derived_from ?? item.name;

export function caption(item) {
  if (item.kind === "photo") return `Photo by ${item.by}`;
  const name = item.name.replace(/\.[a-z0-9]+$/, "").replace(/^snapshot-/, "").replace(/-annotated$/, "").replaceAll("-", " ");
  return readable(name) + (item.derived_from ? " (drawn on)" : "");
}

function open(index) {
  shown = (index + pictures.length) % pictures.length;
  const item = pictures[shown];
  byId("picture").src = item.href;
  byId("picture").alt = caption(item);
  byId("picture-name").replaceChildren(`${caption(item)} · `, timeElement(item.start_at), ` · ${shown + 1} of ${pictures.length}`);
  if (!dialog.open) dialog.showModal();
}

byId("picture-previous").addEventListener("click", () => open(shown - 1));
byId("picture-next").addEventListener("click", () => open(shown + 1));
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") open(shown - 1);
  if (event.key === "ArrowRight") open(shown + 1);
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
