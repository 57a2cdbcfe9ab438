// What happens, as it happens: wakes a page when there is news, and shows what is new without moving anybody's place.

import { byId, element } from "./core.js";

const GATHER_MS = 300; // one arrival makes several notices
const AGAIN_MS = 15_000; // after the server has refused a stream, or ended it

/**
 * Follows the stream while the page is shown; `onNews` is called when something has happened (and after every beginning:
 * something may have happened before), `onFollowing` says whether the stream is open. Without it the page goes on asking.
 */
export function follow(onNews, onFollowing) {
  let source = null;
  let gathering = null;
  let again = null;

  const tellNews = () => { gathering ??= setTimeout(() => { gathering = null; onNews(); }, GATHER_MS); };

  function close() {
    source?.close();
    source = null;
    clearTimeout(again);
    onFollowing(false);
  }

  function closeForNow() {
    close();
    again = setTimeout(open, AGAIN_MS);
  }

  function open() {
    if (source || document.hidden || !window.EventSource) return;
    source = new EventSource("/v1/stream");
    for (const beginning of ["ready", "reset"]) source.addEventListener(beginning, () => { onFollowing(true); tellNews(); });
    source.addEventListener("notice", tellNews);
    source.addEventListener("end", () => { closeForNow(); tellNews(); });
    source.onerror = () => {
      onFollowing(false);
      if (source?.readyState === EventSource.CLOSED) closeForNow(); // else the browser tries again by itself
    };
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  open();
}

const fresh = new Set();

/** Marks rows that have come by themselves, and says how many lie above what is seen. */
export function showFresh(items) {
  for (const item of items) {
    item.classList.add("fresh");
    item.addEventListener("animationend", () => item.classList.remove("fresh"), { once: true });
    fresh.add(item);
  }
  countFresh();
}

function countFresh() {
  for (const item of fresh) {
    if (!item.isConnected || item.getBoundingClientRect().bottom > 60) fresh.delete(item); // 60 px: the bar
  }
  const badge = byId("fresh") ?? document.body.appendChild(freshBadge());
  badge.hidden = fresh.size === 0;
  badge.textContent = fresh.size === 1 ? "1 new case ↑" : `${fresh.size} new cases ↑`;
}

function freshBadge() {
  const badge = element("button", { id: "fresh", type: "button", class: "primary", "aria-live": "polite" });
  badge.addEventListener("click", () => { window.scrollTo({ top: 0 }); countFresh(); });
  window.addEventListener("scroll", countFresh, { passive: true });
  return badge;
}
