// What may be wrong, the likeliest first: to hear, and to accept what would mend it.
const SUSPECTS_AT_ONCE = 12;
const suspects = facts.suspects.found;
const suspected = document.getElementById("suspected");
const kindButtons = document.querySelectorAll("button[data-kind]");
const windowKeys = (suspect) => suspect.windows.map(({ recording, start_s: start }) => JSON.stringify([recording, start]));
const mendsBy = (suspect, mark) => Boolean(mark) && (suspect.action === "drop" ? mark.drop : mark.drop || mark.relabel === suspect.value);
const isAccepted = (suspect) => windowKeys(suspect).every((key) => mendsBy(suspect, marks.get(key)));
const mendingWords = (suspect) => suspect.action === "drop" ? "drop it" : `this is ${nameOf(suspect.value)}`;

function accept(suspect) {
  for (const key of windowKeys(suspect)) {
    const mark = { drop: false, none: false, relabel: "", also: [], start: null, ...marks.get(key) };
    // Dropped by another reason it is not named anew.
    if (suspect.action === "drop") mark.drop = true;
    else if (!mark.drop) Object.assign(mark, { none: false, relabel: suspect.value, also: mark.also.filter((label) => label !== suspect.value) });
    marks.delete(key);
    marks.set(key, mark);
  }
}

function takeBack(suspect) {
  for (const key of windowKeys(suspect)) {
    const mark = { ...marks.get(key) };
    if (suspect.action === "drop") mark.drop = false;
    else if (mark.relabel === suspect.value) mark.relabel = "";
    marks.delete(key);
    if (mark.drop || mark.none || mark.relabel || mark.also?.length || (mark.start ?? null) !== null) marks.set(key, mark);
  }
}

function item(suspect) {
  const words = facts.suspects.kind_words[suspect.kind];
  const count = suspect.windows.length;
  const [{ recording, start_s: start }] = suspect.windows;
  const place = count === 1 ? `${recording} at ${start} s` : suspect.windows.every((one) => one.recording === recording) ? `${recording}, ${count} segments` : `${count} segments`;
  const cells = element("div", { class: "cells" }, ...suspect.segments.map((segment) => cell(segment)));
  const line = element("li", { class: "card" }, element("h3", {}, words, " ", element("small", {}, place)), element("p", {}, suspect.reason, "."));
  if (suspect.action) line.append(element("p", {}, element("button", { type: "button", class: "accept", "data-suspect": suspects.indexOf(suspect) })));
  else line.append(element("p", {}, element("small", {}, "Only listening can tell what to do about it.")));
  line.append(cells);
  if (!suspect.segments.length) line.append(element("p", {}, element("small", {}, "Its pictures and sounds are not in this page.")));
  return line;
}

function showAccepted() {
  for (const button of suspected.querySelectorAll("button.accept")) {
    const suspect = suspects[button.dataset.suspect];
    const accepted = isAccepted(suspect);
    button.setAttribute("aria-pressed", String(accepted));
    button.textContent = accepted ? `Accepted: ${mendingWords(suspect)}. Take it back` : `Accept: ${mendingWords(suspect)}`;
  }
  for (const button of document.querySelectorAll("button[data-accept]")) {
    const own = suspects.filter((suspect) => suspect.kind === button.dataset.accept && suspect.action);
    const all = own.length > 0 && own.every(isAccepted);
    button.disabled = own.length === 0;
    button.setAttribute("aria-pressed", String(all));
    button.textContent = all ? `Take all ${own.length} back` : `Accept all of this kind${own.length ? ` (${own.length})` : ""}`;
  }
}

function showSuspects(kind) {
  const wanted = suspects.filter((suspect) => !kind || suspect.kind === kind);
  const more = element("button", { type: "button" });
  let shown = 0;
  const next = () => {
    more.before(...wanted.slice(shown, shown + SUSPECTS_AT_ONCE).map(item));
    shown = Math.min(wanted.length, shown + SUSPECTS_AT_ONCE);
    more.hidden = shown === wanted.length;
    more.textContent = `Show more, ${wanted.length - shown} are left`;
    showAccepted();
  };
  suspected.replaceChildren(more);
  more.addEventListener("click", next);
  next();
  for (const button of kindButtons) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
}

for (const button of kindButtons) button.addEventListener("click", () => showSuspects(button.dataset.kind));
for (const button of document.querySelectorAll("button[data-accept]")) {
  button.addEventListener("click", () => {
    const own = suspects.filter((suspect) => suspect.kind === button.dataset.accept && suspect.action);
    const undo = own.every(isAccepted);
    for (const suspect of own) (undo ? takeBack : accept)(suspect);
    keep();
  });
}
suspected.addEventListener("click", (event) => {
  const button = event.target.closest("button.accept");
  if (!button) return;
  const suspect = suspects[button.dataset.suspect];
  (isAccepted(suspect) ? takeBack : accept)(suspect);
  keep();
});
document.addEventListener("marks", showAccepted);
showSuspects("");
showMarks();
