// A clip's page: a topic that is ticked or slid asks the served model for the caption. Without this script the same page
// works by its forms. Whatever came from outside enters the page as text alone.
"use strict";

const PAUSE = 150; // milliseconds without a change before the model is asked
const MOST_FOUND = 12;
const byId = (id) => document.getElementById(id);
const caption = byId("caption");
const copies = (nodes) => [...nodes].map((node) => node.cloneNode(true));
const sent = new URLSearchParams(location.search);
const videoId = sent.get("id");
const servedScores = new Map(Object.entries(JSON.parse(caption.dataset.scores))); // topic id -> how much the model sees
const scores = new Map(servedScores); // the same when it was asked last
let asked; // the request under way

async function ask(path, options = {}) {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

function later(action) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(action, PAUSE, ...given);
  };
}

const sliders = () => [...document.querySelectorAll(".topic input[type=range]")];
const rowOf = (element) => element.closest(".topic");
const tickOf = (row) => row.querySelector("input[type=checkbox]");
const nameOf = (row) => row.querySelector(".tick .name").textContent;

function showStrength(slider) {
  const strength = Number(slider.value);
  const shown = strength ? (strength > 0 ? "+" : "−") + Math.abs(strength).toFixed(2) : "0";
  const row = rowOf(slider);
  row.querySelector("output").textContent = shown;
  row.classList.toggle("moved", strength !== 0);
  slider.setAttribute("aria-valuetext", shown);
}

function showScores(all) {
  for (const [id, score] of all) scores.set(id, score);
  for (const row of document.querySelectorAll(".topic")) {
    const score = scores.get(row.dataset.topic);
    if (score === undefined || !row.querySelector(".score")) continue;
    row.querySelector(".bar rect").setAttribute("width", (100 * Math.min(Math.max(score, 0), 1)).toFixed(1));
    row.querySelector(".score .number").textContent = score.toFixed(2);
  }
}

function showChosen() {
  const ticked = [...document.querySelectorAll(".topic")].filter((row) => tickOf(row).checked).map(nameOf);
  byId("chosen").textContent = ticked.length ? `The caption misses ${ticked.join(", ")}.` : "No topic is ticked.";
}

function strengths() {
  return Object.fromEntries(
    sliders().filter((slider) => Number(slider.value)).map((slider) => [rowOf(slider).dataset.topic, Number(slider.value)]),
  );
}

// The seconds between which the clip shows the topics: from its beginning where the first field is empty, to its end
// where the second is; null where both are.
const ends = [...document.querySelectorAll(".stretch input[type=number]")];
function stretch() {
  if (!ends.some((end) => end.value)) return null;
  const [from, to] = ends.map((end) => end.value);
  return { start_s: Number(from || 0), end_s: Number(to || ends[1].closest(".stretch").dataset.last) };
}

function showStretch() {
  const chosen = stretch();
  for (const frame of byId("frames").children) {
    const second = Number(frame.dataset.second);
    frame.classList.toggle("outside", chosen !== null && (second < chosen.start_s || second > chosen.end_s));
  }
  const [from, to] = document.querySelectorAll(".stretch input[type=hidden]");
  [from.value, to.value] = chosen ? [chosen.start_s, chosen.end_s] : ["", ""];
}

async function showCaption() {
  asked?.abort();
  const mine = (asked = new AbortController());
  const wanted = strengths();
  byId("reset").hidden = !Object.keys(wanted).length;
  if (byId("reset").hidden) return showServed();
  caption.classList.add("waiting");
  try {
    const answer = await ask("/api/what-if", {
      method: "POST",
      signal: mine.signal,
      headers: { "Content-Type": "application/json", "X-CSRF-Token": document.querySelector("meta[name=csrf]").content },
      body: JSON.stringify({ video_id: videoId, strengths: wanted, stretch: stretch(), before: caption.dataset.served }),
    });
    showPhrases(answer.phrases);
    byId("echo").replaceChildren(...copies(caption.childNodes));
    byId("about").textContent =
      `What the model would say, answered in ${Math.round(answer.milliseconds)} ms. Now it says: “${caption.dataset.served}”`;
    showScores(answer.scores.map(({ id, score }) => [String(id), score]));
  } catch (error) {
    if (mine.signal.aborted) return;
    byId("about").textContent = `The model was not asked: ${error.message}`;
  }
  caption.classList.remove("waiting");
}

function showServed() {
  showPhrases(caption.dataset.served ? [{ text: caption.dataset.served, new: false }] : []);
  byId("echo").replaceChildren();
  byId("about").textContent = byId("about").dataset.served;
  showScores(servedScores);
  caption.classList.remove("waiting");
}

function showPhrases(phrases) {
  const nodes = phrases.flatMap(({ text, new: entered }) => {
    const phrase = entered ? document.createElement("mark") : document.createTextNode("");
    phrase.textContent = text;
    return [phrase, document.createTextNode(" ")];
  });
  caption.replaceChildren(...(nodes.length ? nodes.slice(0, -1) : [document.createTextNode("(no words)")]));
}

const soon = later(showCaption);

document.querySelector(".stretch")?.addEventListener("input", () => {
  showStretch();
  if (Object.keys(strengths()).length) soon();
});

// To slide a topic up is to say that it is missed, and to tick it slides it to where its words come in.
document.querySelector(".misses").addEventListener("input", (event) => {
  const row = rowOf(event.target);
  if (!row) return; // the search, or the stretch
  const slider = row.querySelector("input[type=range]");
  if (event.target === slider) tickOf(row).checked = Number(slider.value) > 0;
  else if (!slider.disabled) slider.value = tickOf(row).checked ? slider.dataset.first : 0;
  showStrength(slider);
  showChosen();
  if (!slider.disabled) soon();
});

byId("reset").addEventListener("click", () => {
  for (const slider of sliders()) {
    slider.value = 0;
    tickOf(rowOf(slider)).checked = false;
    showStrength(slider);
  }
  for (const end of ends) end.value = "";
  if (ends.length) showStretch();
  showChosen();
  showCaption();
  byId("topic").focus();
});

byId("correct").addEventListener("submit", (event) => {
  if (document.querySelector(".topic input[type=checkbox]:checked")) return;
  event.preventDefault();
  byId("chosen").textContent = "Tick what the caption misses first.";
});

function foundRow(topic) {
  const row = byId("topic-row").content.firstElementChild.cloneNode(true);
  const [tick, slider] = row.querySelectorAll("input");
  row.dataset.topic = topic.id;
  for (const name of row.querySelectorAll(".name")) name.textContent = topic.name;
  tick.value = topic.id;
  slider.name = `strength-${topic.id}`;
  slider.disabled = topic.neurons === 0;
  const untried = topic.neurons ? "" : " · no neuron carries it, so it cannot be tried";
  const before = 100 * Math.min(Math.max(servedScores.get(row.dataset.topic) ?? 0, 0), 1);
  row.querySelector(".was")?.setAttribute("d", `M${before.toFixed(1)} 0V10`);
  row.querySelector(".why").textContent = topic.words.slice(0, 5).join(", ") + untried;
  return row;
}

const search = later(async () => {
  const wanted = byId("topic").value.trim();
  const group = document.querySelector("[data-group=found]");
  const list = group.querySelector(".topics");
  let found = [];
  try {
    if (wanted) found = await ask(`/api/topics?search=${encodeURIComponent(wanted)}`);
  } catch (error) {
    byId("topics-found").textContent = error.message;
    return;
  }
  if (wanted !== byId("topic").value.trim()) return;
  for (const row of [...list.children]) if (!tickOf(row).checked && !row.classList.contains("moved")) row.remove();
  const there = new Set([...document.querySelectorAll(".topic")].map((row) => row.dataset.topic));
  const fresh = found.filter((topic) => !there.has(String(topic.id))).slice(0, MOST_FOUND);
  list.append(...fresh.map(foundRow));
  group.hidden = !list.children.length;
  showScores([]);
  const listed = found.length - fresh.length;
  byId("topics-found").textContent = !wanted ? "" : found.length
    ? `${found.length} found${listed && found.length <= MOST_FOUND ? `, ${listed} of them listed already` : ""}.`
    : `No topic has “${wanted}” in its name or words.`;
});
byId("topic").addEventListener("input", search);
byId("topic").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault(); // what was slid must not be lost to a reload
  search();
});

// A film that this browser cannot decode from where the clip begins gives way to what is said where none can be played.
const film = document.querySelector(".film video");
function giveWay() {
  const note = document.createElement("p");
  note.className = "note";
  note.textContent = film.textContent;
  film.replaceWith(note);
}
if (film?.error) giveWay();
else film?.addEventListener("error", giveWay);

// A word of the served caption is chosen: its frames stand out, by its relevance or by its attention.
const looks = byId("looks");
if (looks) {
  looks.hidden = false;
  looks.addEventListener("change", () => {
    const by = looks.querySelector("[name=by]:checked")?.value ?? "attention";
    const { dataset } = looks.querySelector("[name=word]:checked");
    const shares = dataset[by].split(" ").filter(Boolean).map(Number);
    const even = shares.reduce((sum, share) => sum + Math.abs(share), 0) / shares.length;
    const most = Math.max(...shares.map(Math.abs), 2 * even, Number.MIN_VALUE);
    [...byId("frames").children].forEach((frame, index) => {
      const share = shares.length ? shares[index] / most : null;
      frame.style.setProperty("--a", share === null || dataset.level === "weak" ? 1 : Math.max(share, 0));
      frame.style.setProperty("--w", Math.abs(share ?? 0));
      frame.classList.toggle("against", share < 0);
    });
  });
}

byId("show").hidden = true; // the caption shows by itself
document.querySelector(".misses .search button").hidden = true;
sliders().forEach(showStrength);
if (ends.length) showStretch();
showChosen();
if (Object.keys(strengths()).length) soon(); // sliders that the browser kept over a reload
