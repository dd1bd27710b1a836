// Contact sheets of the training data, made only where somebody looks.
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
