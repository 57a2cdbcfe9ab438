// What the reviewer works through: the queue's filters, and which case comes next.

import { get } from "./core.js";

const KEY = "queue-filters";

export function rememberFilters(filters) {
  sessionStorage.setItem(KEY, JSON.stringify(filters));
}

export function recalledFilters() {
  try { return JSON.parse(sessionStorage.getItem(KEY)) ?? { review: "none" }; } catch { return { review: "none" }; }
}

/** The unreviewed cases that fit the queue's filters, in its order. */
export async function worklist() {
  const query = new URLSearchParams({ ...recalledFilters(), review: "none", order: "queue", limit: 200 });
  return (await get(`/v1/incidents?${query}`)).incidents.map((incident) => incident.id);
}

/** The case after this one; after the last one, the first; null when there is no other. */
export function following(ids, current) {
  const others = ids.filter((id) => id !== current);
  return ids[ids.indexOf(current) + 1] ?? others[0] ?? null;
}
