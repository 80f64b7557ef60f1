// The page of corrections while a refinement runs: shows how far it is until it is done.
"use strict";

const EVERY = 1000; // milliseconds
const place = document.getElementById("job");
const status = document.getElementById("job-status");

// Only what changes is exchanged: what a person has opened, and where the focus is, stays.
function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector(".job");
  if (!fresh) return false;
  if (status.textContent !== fresh.dataset.said) status.textContent = fresh.dataset.said;
  if (fresh.dataset.state !== "running") {
    location.replace(location.pathname); // the list of corrections has changed too
    return true;
  }
  for (const part of ["h2", ".going", ".lines ol"]) {
    const [now, then] = [fresh.querySelector(part), place.querySelector(part)];
    if (now && then) then.replaceChildren(...now.childNodes);
    else if (now) {
      place.replaceChildren(fresh);
      break;
    }
  }
  return false;
}

async function ask() {
  let ended = false;
  try {
    const answer = await fetch(`/refinement?id=${encodeURIComponent(place.dataset.id)}`, { credentials: "same-origin" });
    if (answer.ok) ended = show(await answer.text());
  } catch (error) {
    status.textContent = "The page does not answer. It is asked again.";
  }
  if (!ended) setTimeout(ask, EVERY);
}

// Events, where there is a stream left; a page that nobody sees takes none, since browsers open only six to a server.
let events = null;
function follow() {
  if (document.hidden || events) return;
  events = new EventSource(`/refinement/events?id=${encodeURIComponent(place.dataset.id)}`);
  events.onmessage = (event) => {
    if (show(event.data)) events.close();
  };
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) ask();
    else status.textContent = "The page is asked again.";
  };
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden && events && events.readyState !== EventSource.CLOSED) {
    events.close();
    events = null;
  } else follow();
});
follow();
