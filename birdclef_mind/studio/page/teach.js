// Teach it: one segment after the other, said by a key, on disk at once; then train anew.
import { $, Refused, ask, clock, doing, element, follow, heardOf, number, percent, picture, playSound, progress, say, t } from "./common.js";

let segments = [], place = 0, birds = [], teaches = false, order = "unsure", choosing = null, meant = null, touched = false, begun = false, seenNumber = 0, takenBackFrom = 0;

export function settle(state) {
  ({ birds, teaches } = state);
  $("classroom").hidden = !teaches;
  $("bird-list").append(...birds.map(([label, name]) => element("option", { value: name === label ? label : `${name} (${label})` })));
}

export const enter = doing(async () => {
  if (!teaches || begun) return;
  begun = true;
  const told = await ask("marks");
  // What was said before is this window's to take back, and what it says itself.
  takenBackFrom = told.number;
  count(told);
  await load();
  showTraining();
  await scan("scan");
});

// Words that begin so ask for what sounds like the first segment that the others name.
const LIKE = "≈";

async function load(stay = false) {
  const wanted = $("search").value.trim(), alike = wanted.startsWith(LIKE), plain = wanted.slice(alike ? LIKE.length : 0).trim();
  const told = await ask(`queue?order=${encodeURIComponent(order)}&words=${encodeURIComponent(plain)}`);
  if (alike && plain && told.segments.length) return showLike(told.segments[0]);
  // Whoever is in the midst of a segment stays there; the order is that of what follows.
  const now = stay && (touched || document.querySelector("dialog[open]")) ? current() : undefined;
  const known = (one) => one.place === now.place;
  segments = now ? [told.segments.find(known) ?? now, ...told.segments.filter((one) => !known(one))] : told.segments;
  place = 0;
  touched = Boolean(now);
  show();
  return told;
}

// The network hears all segments once, so that there is an order; the audit when it is asked for.
async function scan(what) {
  const told = await ask(`queue?order=${encodeURIComponent(order)}`);
  if (what === "scan" ? told.scanned : told.audited) { await load(); return; }
  const { number: work } = await ask("scan", { what });
  await follow(work, () => {}, (one) => { $("scan-state").textContent = one.state === "done" ? "" : progress(one); });
  await load(true);
}

const current = () => segments[place];

function show() {
  $("queue").replaceChildren(...segments.map((segment, row) => {
    const told = said(segment.mark);
    const beside = segment.near ?? segment.sure;
    const button = element("button", { type: "button", "aria-current": row === place }, element("span", {}, segment.bird),
      element("span", { title: t(segment.near === undefined ? "sure_of_label" : "alike_by") }, beside === undefined ? "" : percent(beside)), element("small", {}, `${segment.recording} ${clock(segment.start_s)}${told ? ` · ${told}` : ""}`));
    button.addEventListener("click", () => { place = row; show(); playSound(`segments/${segment.place}/sound`); });
    return element("li", {}, button);
  }));
  const segment = current();
  for (const button of document.querySelectorAll("[data-say]")) button.disabled = !segment && button.dataset.say !== "undo";
  if (!segment) { $("segment").replaceChildren(element("p", { class: "lead" }, t("all_heard"))); return; }
  const what = `${segment.bird}, ${segment.recording} ${clock(segment.start_s)}`;
  const told = said(segment.mark);
  $("segment").replaceChildren(
    element("p", { class: "bird" }, segment.bird), element("p", {}, element("small", {}, `${t("labelled")} ${segment.label} · ${segment.recording} · ${clock(segment.start_s)}`)),
    picture(`segments/${segment.place}/picture`, `segments/${segment.place}/sound`, what),
    ...(segment.sure === undefined ? [] : [element("p", {}, `${t("network_hears")}: ${segment.heard} · ${segment.bird} ${percent(segment.sure)}`)]),
    ...(segment.reason ? [element("p", { class: "reason" }, element("strong", {}, t(`kind ${segment.kind}`)), ` · ${segment.reason}`)] : []),
    ...(told ? [element("p", {}, element("strong", {}, `${t("said")}: ${told}`))] : []));
  // Within its own list alone, or the page would jump.
  const list = $("queue"), item = list.querySelector("[aria-current=true]")?.parentElement;
  if (item) list.scrollTop = Math.min(item.offsetTop - list.offsetTop, Math.max(list.scrollTop, item.offsetTop - list.offsetTop + item.offsetHeight - list.clientHeight));
}

function said(mark) {
  const names = new Map(birds), parts = [];
  if (mark.right) parts.push(t("right"));
  if (mark.drop) parts.push(t("drop_it"));
  if (mark.none) parts.push(t("nothing"));
  if (mark.relabel) parts.push(names.get(mark.relabel) ?? mark.relabel);
  for (const label of mark.also) parts.push(`+ ${names.get(label) ?? label}`);
  if (mark.start_s !== null) parts.push(`${t("start")} ${number(mark.start_s)} s`);
  return parts.join(", ");
}

async function mark(changes, stay = false, segment = current()) {
  if (!segment) return;
  const wanted = { ...segment.mark, ...changes };
  try { replace(await ask(`segments/${segment.place}/mark`, { ...wanted, seen: segment.mark.number })); }
  catch (error) {
    if (!(error instanceof Refused) || error.status !== 409) throw error;
    say(t("meanwhile"));
    replace(await ask(`segments/${segment.place}`));
    return;
  }
  if (!stay && current()?.place === segment.place && place < segments.length - 1) { place += 1; playSound(`segments/${current().place}/sound`); }
  show();
}

function replace(told) {
  const row = segments.findIndex((segment) => segment.place === told.place);
  if (row >= 0) segments[row] = { ...segments[row], ...told };
  if (told.corrections !== undefined) { takenBackFrom = told.number; count(told); }
  show();
}

function count(told) {
  seenNumber = told.number;
  $("said").textContent = `${told.said} ${t("said")} · ${told.corrections} ${t("corrections")}`;
}

const sayings = {
  right: () => mark({ right: true, drop: false, none: false, relabel: "" }),
  nothing: () => mark({ none: true, right: false, drop: false, relabel: "", also: [] }),
  drop_it: () => mark({ drop: true, right: false, none: false, relabel: "", also: [], start_s: null }),
  another: () => choose("relabel"),
  also: () => choose("also"),
  start: () => startHere(),
  skip: () => { if (place < segments.length - 1) { place += 1; show(); playSound(`segments/${current().place}/sound`); } },
  undo: async () => {
    let told;
    try { told = await ask("undo", { seen: takenBackFrom }); }
    catch (error) {
      if (!(error instanceof Refused) || error.status !== 409) throw error;
      say(t("meanwhile"));
      const now = await ask("marks");
      takenBackFrom = now.number;
      count(now);
      return;
    }
    if (told.segment) {
      const row = segments.findIndex((segment) => segment.place === told.segment.place);
      if (row >= 0) place = row; else { segments.unshift(told.segment); place = 0; }
      replace({ ...told.segment, corrections: told.corrections, said: told.said, number: told.number });
    } else count(told);
  },
  more_like: () => showLike(current()),
};

// What sounds like a segment to the network, behind it; whoever empties the search comes back.
async function showLike(segment) {
  const { segments: found } = await ask(`segments/${segment.place}/like`);
  if (!found.length) { say(t("not_heard_yet")); return; }
  $("search").value = `${LIKE} ${segment.recording}`;
  segments = [segment, ...found];
  place = 0;
  show();
}

// The song starts where its sound stands now; one may say it more exactly.
function startHere() {
  const segment = current();
  meant = segment;
  $("start-s").value = (segment.start_s + heardOf(`segments/${segment.place}/sound`)).toFixed(2);
  $("starts").showModal();
}

$("starts").addEventListener("close", doing(async () => {
  const dialog = $("starts"), kept = dialog.returnValue;
  dialog.returnValue = "";
  // An empty field takes a start back.
  if (kept !== "save") return;
  try { await mark({ start_s: $("start-s").value === "" ? null : Number($("start-s").value), drop: false }, true, meant); }
  catch (error) {
    if (!(error instanceof Refused)) throw error;
    dialog.showModal();
    say(error.message);
  }
}));

function choose(what) {
  choosing = what;
  meant = current();
  $("bird-search").value = "";
  $("birds").showModal();
}

$("birds").addEventListener("close", doing(async () => {
  const dialog = $("birds"), wanted = $("bird-search").value.trim().toLowerCase();
  const kept = dialog.returnValue;
  dialog.returnValue = "";
  if (kept !== "save") return;
  const exact = birds.filter(([label, name]) => [label, name, `${name} (${label})`].some((one) => one.toLowerCase() === wanted));
  const some = exact.length ? exact : birds.filter(([label, name]) => `${name} (${label})`.toLowerCase().includes(wanted));
  if (some.length !== 1) {
    const names = some.slice(0, 5).map(([, name]) => name).join(", ");
    dialog.showModal();
    say(`${t("choose_bird")}${some.length ? `: ${names}${some.length > 5 ? ", …" : ""}` : ""}`);
    return;
  }
  const [label] = some[0];
  say("");
  if (choosing === "relabel" && label === meant.label) await mark({ right: true, drop: false, none: false, relabel: "" }, false, meant);
  else if (choosing === "relabel") await mark({ relabel: label, right: false, none: false, drop: false }, false, meant);
  else await mark({ also: [...new Set([...meant.mark.also, label])], none: false, drop: false }, true, meant);
}));

// One after the other: who is quicker than the disk speaks of the next segment, not twice of one.
let saying = Promise.resolve();
for (const button of document.querySelectorAll("[data-say]")) button.addEventListener("click", (event) => {
  touched = true;
  // After a mouse, space plays again, and does not say the same of the next one.
  if (event.detail) button.blur();
  saying = saying.then(doing(() => sayings[button.dataset.say]()));
});

export function key(event) {
  // A key that is held says a thing once.
  if (event.repeat && !event.key.startsWith("Arrow")) return;
  const button = document.querySelector(`[data-say][data-key="${event.key.toLowerCase()}"]`);
  if (button && !button.disabled) { event.preventDefault(); button.click(); }
  else if (event.key === " " && current()) { event.preventDefault(); $("segment").querySelector(".play")?.click(); }
  else if (event.key === "ArrowDown") { event.preventDefault(); sayings.skip(); }
  else if (event.key === "ArrowUp" && place > 0) { event.preventDefault(); place -= 1; show(); }
}

$("segment").addEventListener("click", () => { touched = true; });
$("order").addEventListener("change", doing(async (event) => { order = event.target.value; touched = false; event.target.blur(); await scan(order === "suspicious" ? "audit" : "scan"); }));
let searching = null;
$("search").addEventListener("input", () => { clearTimeout(searching); searching = setTimeout(doing(() => load()), 200); });

// Training anew.
async function training(what) { await ask("training", { do: what }); showTraining(); }
$("train").addEventListener("click", doing(() => training("begin")));
$("train-stop").addEventListener("click", doing(() => training("stop")));
$("train-on").addEventListener("click", doing(() => training("go on")));

async function showTraining() {
  for (;;) {
    const told = await ask("training").catch(() => null);
    if (!told) return;
    const running = ["running", "stopping"].includes(told.state);
    $("train").disabled = running;
    $("train-stop").hidden = !running;
    $("train-on").hidden = !["stopped", "failed"].includes(told.state);
    $("train-state").textContent = told.state === "never" ? "" : t(running ? "working" : told.state);
    $("train-lines").hidden = !told.lines.length || told.state === "done";
    $("train-lines").textContent = told.lines.join("\n");
    if (told.improved) showImproved(told.improved);
    if (!running) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function showImproved(found) {
  const names = new Map(birds), name = (label) => names.get(label) ?? label, shown = (value) => value === null ? "–" : number(value);
  const head = (...cells) => element("thead", {}, element("tr", {}, ...cells.map((word) => element("th", { scope: "col" }, word))));
  $("improved").replaceChildren(
    element("p", {}, `${found.segments} ${t("held_out")}`),
    element("table", {}, head("", t("before"), t("after")), element("tbody", {}, ...found.measures.map(([measure, before, after]) =>
      element("tr", {}, element("th", { scope: "row" }, t(measure)), element("td", {}, shown(before)), element("td", {}, shown(after)))))),
    element("ul", {}, ...found.answers.map((one) => element("li", {}, `${one.recording} ${clock(one.start_s)}, ${name(one.label)}: ${name(one.before)} → ${name(one.after)}`))));
}

// Another tab may have said something meanwhile.
setInterval(async () => {
  if (!begun || document.hidden || $("teach").hidden) return;
  const told = await ask("marks").catch(() => null);
  if (told && told.number !== seenNumber) count(told);
}, 3000);
