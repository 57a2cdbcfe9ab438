// Setting up a second factor, and taking it off.

import { byId, request } from "./core.js";

const PATH = "/v1/account/second-factor";

async function attempt(task) {
  byId("wrong").hidden = true;
  try {
    await task();
  } catch (problem) {
    byId("wrong").textContent = problem.message;
    byId("wrong").hidden = false;
  }
}

function onSubmit(id, task) {
  byId(id)?.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => task(event.target.elements.code));
  });
}

byId("begin-button")?.addEventListener("click", () =>
  attempt(async () => {
    const begun = await request("POST", PATH);
    const drawn = new DOMParser().parseFromString(begun.svg, "image/svg+xml").documentElement;
    byId("qr").replaceChildren(drawn);
    byId("secret").textContent = begun.secret;
    byId("begin").hidden = true;
    byId("confirm").hidden = false;
    byId("confirm").elements.code.focus();
  }),
);

onSubmit("confirm", async (code) => {
  const confirmed = await request("PUT", PATH, { code: code.value });
  byId("recovery").textContent = confirmed.recovery_codes.join("\n");
  byId("confirm").hidden = true;
  byId("done").hidden = false;
});

onSubmit("remove", async (code) => {
  await request("DELETE", PATH, { code: code.value });
  location.reload();
});
