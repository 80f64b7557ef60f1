// Keys for the buttons under a clip's caption. Without this script they are pressed as any button is.
"use strict";

const bar = document.getElementById("look");
const keys = document.getElementById("keys"); // whoever speaks to the machine, or types elsewhere, turns them off
const TYPED = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, video";
const KEPT = "keys-off";

bar.classList.add("with-keys");
keys.checked = !localStorage.getItem(KEPT);
const show = () => bar.classList.toggle("keys-off", !keys.checked);
show();
keys.addEventListener("change", () => {
  if (keys.checked) localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, "yes");
  show();
});

document.addEventListener("keydown", (event) => {
  if (!keys.checked || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches(TYPED)) return;
  const wanted = [...bar.querySelectorAll("[data-key]")].find((one) => one.dataset.key === event.key.toLowerCase());
  wanted?.click();
});
