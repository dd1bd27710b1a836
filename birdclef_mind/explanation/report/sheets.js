// Contact sheets of the training data, made only where somebody looks.
const CELLS_AT_ONCE = 60;

function cell(place) {
  const segment = facts.segments[place];
  const recording = facts.recordings[segment.recording];
  const told = toldOf(segment);
  const title = `${told}, ${recording.recording} at ${segment.start_s} s`;
  const picture = element("img", { loading: "lazy", src: segment.picture, alt: `Spectrogram: ${title}` });
  const position = element("span", { class: "position", "aria-hidden": "true" });
  const sound = segment.sound || recording.sound;
  const frame = sound
    ? element("button", { type: "button", class: "play", "data-sound": sound, "data-from": segment.sound ? 0 : segment.start_s, "data-length": facts.length_s, "aria-label": `Play ${title}` }, picture, position)
    : element("span", { class: "play still" }, picture);
  const box = element("div", { class: "plot" }, axis("khz", facts.ticks.map(({ share, khz }) => [`bottom:${100 * share}%`, khz]), "kHz"), frame,
    axis("time", facts.seconds.map((second) => [`left:${(100 * second) / facts.length_s}%`, second === facts.length_s ? `${second} s` : second])));
  const caption = element("figcaption", {}, element("strong", {}, told), element("br"),
    `${recording.recording} at ${segment.start_s} s, ${segment.loudness_dbfs.toFixed(0)} dB${recording.author ? `, by ${recording.author}` : ""}`, element("br"),
    `the network says ${nameOf(segment.answer.label)} (${Math.round(100 * segment.answer.score)} %)${segment.held_out ? ", not trained on it" : ""}`);
  for (const flag of segment.flags) caption.append(element("span", { class: "flag" }, flagWords(flag, segment)));
  const marked = element("span", { class: "marked", "data-segment": place });
  showMark(marked);
  caption.append(element("br"), element("button", { type: "button", class: "mark", "data-segment": place, "aria-label": `Correct ${title}` }, "Correct it"), " ", marked);
  return element("figure", { class: "cell" }, box, caption);
}

// Style set by script, since a page from disk allows no other.
function axis(name, places, unit) {
  const marks = places.map(([place, words]) => element("span", { style: place }, String(words)));
  return element("div", { class: name, "aria-hidden": "true" }, ...marks, ...(unit && marks.length ? [element("b", {}, unit)] : []));
}

function flagWords(flag, segment) {
  if (flag !== "copy") return facts.flag_words[flag];
  const other = facts.segments[segment.copy_of];
  return `near-duplicate of ${facts.recordings[other.recording].recording} at ${other.start_s} s`;
}

// Cells of some segments, the next ones when asked for.
function fill(box, wanted) {
  const more = element("button", { type: "button" });
  let shown = 0;
  const next = () => {
    const first = wanted[shown];
    more.before(...wanted.slice(shown, shown + CELLS_AT_ONCE).map((place) => cell(place)));
    shown = Math.min(wanted.length, shown + CELLS_AT_ONCE);
    more.hidden = shown === wanted.length;
    more.textContent = `Show more, ${wanted.length - shown} are left`;
    return first;
  };
  box.replaceChildren(more);
  more.addEventListener("click", next);
  next();
}

const sheets = document.getElementById("sheets");
const ofBird = new Map(facts.birds.map(([label]) => [label, []]));
facts.segments.forEach((segment, place) => ofBird.get(segment.label)?.push(place));

for (const [label, name] of facts.birds) {
  const own = ofBird.get(label);
  const flagged = own.filter((place) => facts.segments[place].flags.length).length;
  const box = element("div", { class: "cells" });
  const sheet = element("details", { class: "sheet-of", "data-words": `${name} ${label}`.toLowerCase() },
    element("summary", {}, element("strong", {}, name), ` ${label}: ${own.length} segments${flagged ? `, ${flagged} flagged` : ""}`), box);
  // Closed again, it gives back its memory.
  sheet.addEventListener("toggle", () => {
    if (sheet.open) fill(box, [...own].sort((a, b) => facts.segments[b].flags.length - facts.segments[a].flags.length));
    else box.replaceChildren();
  });
  sheets.append(sheet);
}

const flaggedBox = element("div", { class: "cells" });
sheets.before(flaggedBox);
const flagButtons = document.querySelectorAll("button[data-flag]");
for (const button of flagButtons) {
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    for (const other of flagButtons) other.setAttribute("aria-pressed", String(open && other === button));
    if (!open) { flaggedBox.replaceChildren(); return; }
    fill(flaggedBox, facts.segments.map((_, place) => place).filter((place) => facts.segments[place].flags.includes(button.dataset.flag)));
  });
}
document.getElementById("sheet-search").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const sheet of sheets.children) sheet.hidden = !sheet.dataset.words.includes(wanted);
});

for (const box of document.querySelectorAll("[data-segments]")) box.replaceChildren(...box.dataset.segments.split(" ").map((place) => cell(Number(place))));
showMarks();
