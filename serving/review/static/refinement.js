// The page of corrections while a refinement runs: asks for its part of the page until it is done.
"use strict";

const EVERY = 1000; // milliseconds
const place = document.getElementById("job");
const status = document.getElementById("job-status");

async function look() {
  try {
    const answer = await fetch(`/refinement?id=${encodeURIComponent(place.dataset.id)}`, { credentials: "same-origin" });
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".job");
      const open = place.querySelector(".lines")?.open ?? true;
      if (fresh.querySelector(".lines") && fresh.dataset.state === "running") fresh.querySelector(".lines").open = open;
      if (status.textContent !== fresh.dataset.said) status.textContent = fresh.dataset.said;
      place.replaceChildren(fresh);
      if (fresh.dataset.state !== "running") {
        location.reload(); // the list of corrections has changed too
        return;
      }
    }
  } catch (error) {
    status.textContent = "The page does not answer. It is asked again.";
  }
  setTimeout(look, EVERY);
}
setTimeout(look, EVERY);
