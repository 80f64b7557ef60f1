const box = document.getElementById("filter"), told = document.getElementById("found");
const tables = [...document.querySelectorAll("table[data-of]")];
// What a row says beside its figures, each word with a space before it: words are found by how they begin.
const words = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
const said = (row) => [...row.cells].filter((cell) => !cell.classList.contains("n")).map((cell) => cell.textContent).join(" ");
const text = new Map(tables.flatMap((table) => [...table.tBodies[0].rows]).map((row) => [row, ` ${words(said(row)).join(" ")}`]));
function filter() {
  const wanted = words(box.value);
  const found = tables.map((table) => {
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) row.hidden = !wanted.every((word) => text.get(row).includes(` ${word}`));
    return `${rows.filter((row) => !row.hidden).length} of ${rows.length} ${table.dataset.of}`;
  });
  told.textContent = wanted.length ? found.join(", ") : "";
}
box.form.hidden = false;
box.form.addEventListener("submit", (event) => event.preventDefault());
box.addEventListener("input", filter);
addEventListener("pageshow", filter);
