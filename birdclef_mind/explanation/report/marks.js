// Corrections: made in a dialog, kept in the browser, listed, undone, downloaded.
const names = new Map(facts.birds);
const nameOf = (label) => names.get(label) || label;
const toldOf = (segment) => segment.birdless ? facts.none_known : [segment.label, ...segment.also].map(nameOf).join(" and ");
const storageKey = `birdclef_mind marks ${facts.network}`;
const marker = document.getElementById("marker");
const form = marker.querySelector("form");
let marks = new Map();
let marking = null;
let also = [];

// A window is named by its recording and its regular start, moved or not.
const keyOf = (segment) => JSON.stringify([facts.recordings[segment.recording].recording, segment.window_s]);
const places = new Map(facts.segments.map((segment, place) => [keyOf(segment), place]));

function linesOf(key, mark) {
  const [recording, start] = JSON.parse(key);
  if (mark.drop) return [[recording, start, "drop", ""]];
  if (mark.none) return [[recording, start, "none", ""], ...(mark.start !== null ? [[recording, start, "start", mark.start]] : [])];
  const lines = mark.relabel ? [[recording, start, "relabel", mark.relabel]] : [];
  for (const label of mark.also) lines.push([recording, start, "also", label]);
  if (mark.start !== null) lines.push([recording, start, "start", mark.start]);
  return lines;
}

function wordsOf(mark) {
  if (mark.drop) return "drop it";
  const words = mark.none ? [`${facts.nothing} is heard`] : mark.relabel ? [`this is ${nameOf(mark.relabel)}`] : [];
  if (!mark.none) for (const label of mark.also) words.push(`also ${nameOf(label)}`);
  if (mark.start !== null) words.push(`the song starts at ${mark.start} s`);
  return words.join(", ");
}

function fromLines(lines) {
  const found = new Map();
  for (const { recording, start_s: start, action, value } of lines) {
    const key = JSON.stringify([recording, start]);
    const mark = found.get(key) || { drop: false, none: false, relabel: "", also: [], start: null };
    if (action === "drop") mark.drop = true;
    if (action === "none") mark.none = true;
    if (action === "relabel") mark.relabel = value;
    if (action === "also" && !mark.also.includes(value)) mark.also.push(value);
    if (action === "start") mark.start = Number(value);
    found.set(key, mark);
  }
  return found;
}

function restore() {
  try {
    const kept = localStorage.getItem(storageKey);
    marks = kept === null ? fromLines(facts.corrected) : new Map(JSON.parse(kept));
  } catch {
    document.getElementById("storage").hidden = false;
    marks = fromLines(facts.corrected);
  }
}

function keep() {
  try { localStorage.setItem(storageKey, JSON.stringify([...marks])); } catch { document.getElementById("storage").hidden = false; }
  showMarks();
}

function showMarks() {
  const list = document.getElementById("marks");
  list.replaceChildren(...[...marks].map(([key, mark]) => {
    const [recording, start] = JSON.parse(key);
    const undo = element("button", { type: "button", "data-key": key, "aria-label": `Take back: ${recording} at ${start} s` }, "Take back");
    return element("li", {}, element("strong", {}, recording), ` at ${start} s: ${wordsOf(mark)} `, undo);
  }));
  for (const id of ["marks-download", "marks-undo", "marks-clear"]) document.getElementById(id).disabled = marks.size === 0;
  document.getElementById("marks-none").hidden = marks.size > 0;
  document.getElementById("count").textContent = marks.size ? `(${marks.size})` : "";
  for (const place of document.querySelectorAll(".marked")) showMark(place);
  document.dispatchEvent(new Event("marks"));
}

function showMark(place) {
  const mark = marks.get(keyOf(facts.segments[place.dataset.segment]));
  place.textContent = mark ? wordsOf(mark) : "";
}

function showAlso() {
  form.querySelector(".chips").replaceChildren(...also.map((label) =>
    element("li", {}, `${nameOf(label)} `, element("button", { type: "button", "data-label": label, "aria-label": `Remove ${nameOf(label)}` }, "×"))));
}

function fillBirds(select, none, without) {
  const options = facts.birds.filter(([label]) => !without.includes(label)).map(([label, name]) => element("option", { value: label }, name === label ? label : `${name} (${label})`));
  select.replaceChildren(element("option", { value: "" }, none), ...options);
}

function openMarker(place) {
  const segment = facts.segments[place];
  marking = keyOf(segment);
  const mark = marks.get(marking) || { drop: false, none: false, relabel: "", also: [], start: null };
  document.getElementById("marker-title").textContent = `${facts.recordings[segment.recording].recording} at ${segment.start_s} s, told to be ${toldOf(segment)}`;
  fillBirds(form.relabel, "no, the name is right", segment.corrected ? [] : [segment.label]);
  fillBirds(form.also, "nobody else", [segment.label]);
  form.drop.checked = mark.drop;
  form.none.checked = Boolean(mark.none);
  form.relabel.value = mark.relabel;
  form.start.value = mark.start === null ? "" : mark.start;
  form.querySelector("small").textContent = `the window is now ${segment.start_s} to ${segment.start_s + facts.length_s} s`;
  also = [...mark.also];
  showAlso();
  showWhatIsLeft();
  form.querySelector("[value=remove]").hidden = !marks.has(marking);
  marker.showModal();
}

function showWhatIsLeft() {
  form.rest.disabled = form.drop.checked;
  form.birds.disabled = form.none.checked;
}

form.drop.addEventListener("change", showWhatIsLeft);
form.none.addEventListener("change", showWhatIsLeft);
form.add.addEventListener("click", () => {
  const label = form.also.value;
  if (label && label !== form.relabel.value && !also.includes(label)) also.push(label);
  form.also.value = "";
  showAlso();
});
form.querySelector(".chips").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) { also = also.filter((label) => label !== button.dataset.label); showAlso(); }
});
marker.addEventListener("close", () => {
  const said = marker.returnValue;
  marker.returnValue = "";
  if (said === "save") {
    // A bird that was chosen and not yet added is meant too.
    if (form.also.value) form.add.click();
    const start = form.start.value === "" ? null : Math.round(1000 * Number(form.start.value)) / 1000;
    const mark = { drop: form.drop.checked, none: form.none.checked, relabel: form.relabel.value, also: also.filter((label) => label !== form.relabel.value), start };
    marks.delete(marking);
    if (mark.drop || mark.none || mark.relabel || mark.also.length || mark.start !== null) marks.set(marking, mark);
    keep();
  }
  if (said === "remove") { marks.delete(marking); keep(); }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.mark");
  if (button) openMarker(Number(button.dataset.segment));
});
document.getElementById("marks").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) { marks.delete(button.dataset.key); keep(); }
});
document.getElementById("marks-undo").addEventListener("click", () => { marks.delete([...marks.keys()].pop()); keep(); });
document.getElementById("marks-clear").addEventListener("click", () => {
  if (confirm(`Take back all ${marks.size} marks?`)) { marks.clear(); keep(); }
});
document.getElementById("marks-download").addEventListener("click", () => {
  download("overrides.csv", [["recording", "start_s", "action", "value"], ...[...marks].flatMap(([key, mark]) => linesOf(key, mark))]);
});
restore();
