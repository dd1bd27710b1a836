// What all parts of the page share: words, questions to the studio, elements, and one sound at a time.
const words = JSON.parse(document.getElementById("words").textContent);
export const t = (key) => words[key] ?? key;
export const $ = (id) => document.getElementById(id);
export const language = document.documentElement.lang;
const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
export const number = (value) => numbers.format(Math.abs(value) < 0.005 ? 0 : value);
export const percent = (value) => `${Math.round(100 * value)} %`;

export class Refused extends Error {
  constructor(status, told) { super(told.error || String(status)); this.status = status; this.told = told; }
}

// Ask the studio: JSON in both directions; what it refuses is thrown.
export async function ask(path, values, options = {}) {
  const request = values === undefined ? {} : { method: "POST", body: JSON.stringify(values), headers: { "Content-Type": "application/json" } };
  let answer;
  try { answer = await fetch(path, { ...request, ...options }); }
  catch (error) {
    if (error.name !== "AbortError") say(t(await fetch("state").then(() => "not_sent", () => "lost")));
    throw error;
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, told);
  return told;
}

// Where one looks: in the dialog that is open, else at the top.
export function say(text) {
  const inside = document.querySelector("dialog[open] .trouble");
  for (const trouble of [$("trouble"), ...document.querySelectorAll(".trouble")]) {
    trouble.textContent = trouble === (inside ?? $("trouble")) ? text : "";
    trouble.hidden = !trouble.textContent;
  }
}

// Do something for a click, and say what is refused.
export const doing = (work) => async (...given) => {
  try { say(""); return await work(...given); }
  catch (error) { if (error instanceof Refused) say(error.message); else if (error.name !== "AbortError" && error.name !== "TypeError") throw error; return undefined; }
};

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    // What is true or false of an element is said in words there, and by being there elsewhere.
    const told = key.startsWith("aria-") && typeof value === "boolean" ? String(value) : value;
    if (told !== undefined && told !== null && told !== false) made.setAttribute(key, told === true ? "" : told);
  }
  made.append(...children);
  return made;
}

export const clock = (seconds) => {
  if (seconds < 0) return `−${clock(-seconds)}`;
  const whole = seconds;
  const rest = (whole % 60).toFixed(whole < 600 ? 1 : 0).padStart(whole < 600 ? 4 : 2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
};

export const named = (birds) => element("ol", { class: "named" }, ...(birds.length ? birds : [[t("silence"), null]]).map(([bird, chance]) =>
  element("li", {}, element("span", {}, bird), ...(chance === null ? [] : [element("meter", { min: 0, max: 1, value: chance, "aria-hidden": "true" }), element("data", { value: chance }, percent(chance))]))));

// One sound at a time.
const player = new Audio();
let playing = null;
function show(button, on) { if (button) { button.classList.toggle("playing", on); button.textContent = on ? "❚❚" : "▶"; } }
player.addEventListener("ended", () => show(playing, false));
player.addEventListener("pause", () => show(playing, false));
export function playSound(source, button = null) {
  if (button && button === playing && !player.paused) { player.pause(); return Promise.resolve(); }
  show(playing, false);
  playing = button;
  player.src = source;
  show(button, true);
  return player.play().catch(() => show(button, false));
}
// How far into a sound its hearer is; 0 where it is not the one.
export const heardOf = (source) => player.src.endsWith(source) ? player.currentTime : 0;
export const hush = () => player.pause();
export const playButton = (source, what) => {
  const button = element("button", { type: "button", class: "play", "aria-label": `${t("play")}: ${what}` }, "▶");
  button.addEventListener("click", () => playSound(source, button));
  return button;
};

// A picture with its sound in a corner.
export const picture = (source, sound, what) => element("div", { class: "seen" }, element("img", { src: source, alt: what, draggable: "false" }), ...(sound ? [playButton(sound, what)] : []));

export const khz = (ticks) => element("div", { class: "khz", "aria-hidden": "true" }, ...ticks.map(([value, height]) => {
  const tick = element("span", {}, `${value}`);
  tick.style.bottom = `${100 * height}%`;
  return tick;
}));

export const seconds = (length) => element("div", { class: "seconds", "aria-hidden": "true" }, ...Array.from({ length: Math.ceil(length - 0.5) }, (_, second) => {
  const tick = element("span", {}, `${second}${second ? "" : " s"}`);
  tick.style.left = `${100 * second / length}%`;
  return tick;
}));

// Follow a work until it ends: `found` gets each thing as it comes, `told` how far it is.
export async function follow(number, found, told, wanted = () => true) {
  let first = 0;
  for (;;) {
    const work = await ask(`works/${number}?first=${first}`);
    if (!wanted()) return work;
    for (const one of work.found) found(one);
    first += work.found.length;
    told(work);
    if (work.ended) return work;
    await new Promise((resolve) => setTimeout(resolve, 120));
  }
}

export const progress = (work) => work.state === "failed" ? work.why : work.ended ? t(work.state) : work.total ? `${words[`counted ${work.what}`] ?? work.what}: ${work.done} / ${work.total}` : t("working");
