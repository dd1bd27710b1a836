// A moment looked into: what is heard in it, what each layer still knows, and what changes when knobs are turned.
import { $, ask, clock, doing, element, follow, khz, named, number, percent, picture, playButton, progress, seconds, t } from "./common.js";
import { at } from "./film.js";

let looked = null, asked = 0, working = null, features = null;
const form = $("knobs");

export function settle(state) {
  $("network").append(...state.networks.map((name, place) => element("option", { value: place }, name)));
  if (state.networks.length > 1) $("network").append(element("option", { value: "all" }, state.networks.join(" | ")));
  $("network-label").hidden = state.networks.length < 2;
  networks = state.networks;
  ({ reads } = state);
}
let networks = [], reads = [];

const valueOf = (name) => form[name].value === "" ? null : Number(form[name].value);

function knobs() {
  const turned = { gain_db: valueOf("gain_db") ?? 0, noise_db: valueOf("noise_db") };
  if (form.what.value && ["from_s", "to_s", "low_khz", "high_khz"].every((name) => valueOf(name) !== null)) {
    turned.box = { from_s: valueOf("from_s"), to_s: valueOf("to_s"), low_hz: 1000 * valueOf("low_khz"), high_hz: 1000 * valueOf("high_khz"), what: form.what.value, by_s: valueOf("by_s") ?? 0 };
  }
  return turned;
}

function otherFeatures() {
  const wanted = {};
  for (const name of ["preset", "kind"]) if (form[name].value) wanted[name] = form[name].value;
  for (const name of ["n_mels", "n_coeffs", "power", "range_db"]) if (valueOf(name) !== null) wanted[name] = valueOf(name);
  return wanted;
}

const first = () => $("network").value === "all" ? 0 : Number($("network").value || 0);
const question = (network = first()) => ({ recording: looked.recording, start_s: valueOf("start_s") ?? looked.start_s, network, knobs: knobs() });

async function show() {
  const mine = ++asked;
  const told = await ask("moments", { ...question(), features: otherFeatures() });
  if (mine !== asked) return;
  features = told.features;
  const what = `${t("moment")} ${clock(question().start_s)}`;
  const seen = picture(told.picture, null, what);
  seen.append(element("div", { class: "drawn", hidden: true }));
  $("moment-picture").replaceChildren(khz(told.ticks), seen, seconds(told.length_s), element("div", { class: "tools" }, playButton(told.sound, what)));
  listenForBox(seen, told);
  drawBox(seen, told);
  $("moment-time").textContent = `${clock(question().start_s)} – ${clock(question().start_s + told.length_s)}`;
  $("moment-names").replaceChildren(...told.answers.map(({ ear, birds }) => element("div", { class: "ear" }, element("h3", {}, ear), named(birds))));
  $("through").hidden = !told.through;
  if (told.through) {
    $("through").querySelector(".plot").replaceChildren(element("span"), picture(told.through.picture, told.through.sound, t("through")));
    $("through").querySelector("p").textContent = `${t("names_it")}: ${told.through.names.map(([bird, chance]) => `${bird} ${percent(chance)}`).join(", ")} · ${t("alike_by")} ${number(told.through.alike)}`;
  }
}

// Frequencies stand in a picture as its mel bands do.
const mel = (hz) => hz >= 1000 ? 15 + Math.log(hz / 1000) / (Math.log(6.4) / 27) : hz * 3 / 200;
const hertz = (value) => value >= 15 ? 1000 * Math.exp((value - 15) * Math.log(6.4) / 27) : value * 200 / 3;
const heightOf = (hz) => (mel(hz) - mel(features.fmin_hz)) / (mel(features.fmax_hz) - mel(features.fmin_hz));
const hzAt = (height) => hertz(mel(features.fmin_hz) + height * (mel(features.fmax_hz) - mel(features.fmin_hz)));

function drawBox(seen, told) {
  const box = seen.querySelector(".drawn"), values = ["from_s", "to_s", "low_khz", "high_khz"].map(valueOf);
  box.hidden = values.includes(null);
  if (box.hidden) return;
  const [from, to, low, high] = values;
  box.style.left = `${100 * from / told.length_s}%`;
  box.style.width = `${100 * (to - from) / told.length_s}%`;
  box.style.bottom = `${Math.max(0, 100 * heightOf(1000 * low))}%`;
  box.style.height = `${100 * (Math.min(1, heightOf(1000 * high)) - Math.max(0, heightOf(1000 * low)))}%`;
}

function ring(most) {
  const drawn = element("span", { class: "ring", "aria-hidden": "true" });
  drawn.style.left = `${100 * most.at_s / features.windowing.length_s}%`;
  drawn.style.bottom = `${100 * most.height}%`;
  return drawn;
}

function listenForBox(seen, told) {
  let begun = null;
  const place = (event) => {
    const field = seen.getBoundingClientRect();
    const within = (value) => Math.min(1, Math.max(0, value));
    return [within((event.clientX - field.left) / field.width), within(1 - (event.clientY - field.top) / field.height)];
  };
  seen.addEventListener("pointerdown", (event) => { begun = place(event); seen.setPointerCapture(event.pointerId); });
  seen.addEventListener("pointermove", (event) => {
    if (!begun) return;
    const now = place(event);
    const [left, right] = [begun[0], now[0]].sort((a, b) => a - b), [low, high] = [begun[1], now[1]].sort((a, b) => a - b);
    form.from_s.value = (left * told.length_s).toFixed(2);
    form.to_s.value = (right * told.length_s).toFixed(2);
    form.low_khz.value = (hzAt(low) / 1000).toFixed(2);
    form.high_khz.value = (hzAt(high) / 1000).toFixed(2);
    drawBox(seen, told);
  });
  seen.addEventListener("pointerup", () => {
    if (!begun) return;
    begun = null;
    if (!form.what.value) form.what.value = "cut";
    turn();
  });
}

let waiting = null;
const turn = () => { clearTimeout(waiting); waiting = setTimeout(doing(async () => { await show(); if (working) await begin(working); }), 200); };
const showFields = () => { $("coefficients").hidden = form.kind.value !== "mfcc"; };
form.addEventListener("input", () => { showFields(); turn(); });
form.addEventListener("reset", () => setTimeout(showFields));
showFields();
form.addEventListener("submit", (event) => event.preventDefault());

$("look").addEventListener("click", doing(async () => {
  if (!at.recording) return;
  const length = at.recording.ears[0].length_s;
  looked = { recording: at.recording.number, start_s: Math.max(0, Number((at.cursor - length / 2).toFixed(2))) };
  form.reset();
  form.start_s.value = looked.start_s;
  $("moment").hidden = false;
  $("found").replaceChildren();
  $("moment-title").focus({ preventScroll: true });
  $("moment").scrollIntoView({ block: "nearest" });
  await Promise.all([show(), begin("layers")]);
}));

let current = [], begins = 0;
async function stopWork() {
  const old = current;
  current = [];
  await Promise.all(old.map((number) => ask(`works/${number}/stop`, {}).catch(() => {})));
}

async function begin(what) {
  working = what;
  const mine = ++begins;
  await stopWork();
  if (mine !== begins) return;
  const both = $("network").value === "all" ? networks.map((_, place) => place) : [first()];
  // Networks side by side, each with its own layers below one another.
  const columns = both.length > 1 ? both.map((network) => element("section", { "aria-label": networks[network] }, element("h3", {}, networks[network]))) : [$("found")];
  $("found").classList.toggle("beside", both.length > 1);
  $("found").replaceChildren(...(both.length > 1 ? columns : []));
  for (const button of document.querySelectorAll("[data-ask]")) button.setAttribute("aria-pressed", button.dataset.ask === what);
  const begun = [];
  for (const network of both) begun.push([network, (await ask("works", { ...question(network), what })).number]);
  if (mine !== begins) { await Promise.all(begun.map(([, number]) => ask(`works/${number}/stop`, {}).catch(() => {}))); return; }
  current = begun.map(([, number]) => number);
  $("no-decoders").hidden = both.every((network) => reads[network]);
  $("work-stop").hidden = false;
  const wanted = (number) => () => current.includes(number);
  await Promise.all(begun.map(([, work], column) => follow(work,
    // Parts of the recording, and real ones, are heard with the phase that they have.
    (one) => { columns[column].append(card(one)); $("invented").hidden = Boolean(one.part || one.real); },
    (told) => { $("work-state").textContent = told.ended && told.state === "done" ? "" : progress(told); }, wanted(work))));
  if (begun.every(([, work]) => wanted(work)())) $("work-stop").hidden = true;
}

function card(one) {
  const title = one.part ? `${t(one.part)}: ${one.bird}` : one.recording ? `${one.tap}: ${one.bird}` : one.tap;
  if (one.why) return element("figure", { class: "layer" }, element("figcaption", {}, element("strong", {}, title), one.why));
  const parts = [];
  if (one.names?.length) parts.push(`${t("names_it")} ${one.names[0][0]} ${percent(one.names[0][1])}`);
  // Beside each figure what it has to beat.
  const controls = [["others", one.others], ["untaught", one.twin]].filter(([, value]) => value !== undefined).map(([key, value]) => `${t(key)} ${number(value)}`);
  if (one.alike !== undefined) parts.push(`${t("alike_by")} ${number(one.alike)}${controls.length ? ` (${controls.join(", ")})` : ""}`);
  if (one.share !== undefined) parts.push(`${percent(one.share)} ${t("of_picture")}`);
  if (one.most) parts.push(`${t("most_at")} ${number(one.most.at_s)} s, ${number(one.most.hz / 1000)} kHz`);
  if (one.reached === false) parts.push(t("not_reached"));
  if (one.recording) parts.push(`${one.recording} ${clock(one.start_s)}`);
  const seen = picture(one.picture, one.sound, title);
  // Cepstra have no place for a frequency.
  if (one.most?.height !== undefined) seen.append(ring(one.most));
  return element("figure", { class: "layer" }, seen,
    element("figcaption", {}, element("strong", {}, title), ...(one.method ? [t(one.method), element("br")] : []), parts.join(" · ")));
}

for (const button of document.querySelectorAll("[data-ask]")) button.addEventListener("click", doing(() => begin(button.dataset.ask)));
$("work-stop").addEventListener("click", doing(async () => { await stopWork(); working = null; $("work-stop").hidden = true; $("work-state").textContent = t("stopped"); }));
$("network").addEventListener("change", doing(async () => { if (looked) { await show(); if (working) await begin(working); } }));
