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
      if (status.textContent !== fresh.dataset.said) status.textContent = fresh.dataset.said;
      if (fresh.dataset.state !== "running") {
        location.replace(location.pathname); // the list of corrections has changed too
        return;
      }
      const open = place.querySelector(".lines")?.open ?? true;
      if (fresh.querySelector(".lines")) fresh.querySelector(".lines").open = open;
      place.replaceChildren(fresh);
    }
  } catch (error) {
    status.textContent = "The page does not answer. It is asked again.";
  }
  setTimeout(look, EVERY);
}
setTimeout(look, EVERY);
