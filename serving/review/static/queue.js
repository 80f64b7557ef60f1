// The queue while the served version is being asked about its clips: shows captions as they come.
"use strict";

const EVERY = 1500; // milliseconds
const clips = document.getElementById("clips");

async function look() {
  // Whoever is about to follow a link is not disturbed.
  if (!document.hidden && !clips.contains(document.activeElement)) {
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      const fresh = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("clips");
      if (fresh && !clips.contains(document.activeElement)) {
        clips.replaceChildren(...fresh.childNodes);
        if (fresh.dataset.waiting === "0") return;
      }
    } catch (error) {
      // The page does not answer. It is asked again.
    }
  }
  setTimeout(look, EVERY);
}
setTimeout(look, EVERY);
