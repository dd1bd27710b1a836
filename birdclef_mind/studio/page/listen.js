// Hear with it: recordings are dropped, chosen or recorded, shown as they are heard, and played.
import { $, ask, clock, doing, element, hush, named, say, t } from "./common.js";
import { at, drawTiles, grow, hearOn, heardAt, lastHeard, move, onMove, open, secondsAt, zoom } from "./film.js";
import { record } from "./microphone.js";

const PLAYED_S = 20, MOST_OPEN = 8;
const opened = new Map();
let stopRecording = null, playedFrom = 0, sound = null;

export function settle(state) {
  list(state.given);
  for (const [number, name] of state.open) opened.set(number, name);
  showOpened();
  // What a reload closed is open again.
  const last = Number(sessionStorage.getItem("recording"));
  if (opened.has(last)) doing(() => show(last))();
}

function list(given) {
  $("given").replaceChildren($("given").options[0], ...given.map((name, place) => element("option", { value: place }, name)));
  $("given-label").hidden = !given.length;
}

async function show(number) {
  stopPlaying();
  const recording = await ask(`recordings/${number}`);
  sessionStorage.setItem("recording", number);
  opened.set(number, recording.name);
  for (const key of [...opened.keys()].slice(0, -8)) opened.delete(key);
  $("empty").hidden = true;
  $("desk").hidden = false;
  $("moment").hidden = true;
  open(recording);
  showOpened();
  tell(recording);
  follow(number);
}

function showOpened() {
  $("opened").replaceChildren(...[...opened].map(([number, name]) => {
    const button = element("button", { type: "button", "aria-pressed": at.recording?.number === number, title: name }, name);
    button.addEventListener("click", doing(() => show(number)));
    return element("li", {}, button);
  }));
}

function tell(recording) {
  $("recording-name").textContent = recording.live ? t("recorded") : recording.name;
  for (const id of ["play", "look"]) $(id).disabled = recording.ended && !recording.seconds;
  const parts = [clock(recording.seconds), ...recording.ears.map((ear) => {
    const share = recording.seconds ? Math.min(1, ear.heard * recording.hop_s / recording.seconds) : 0;
    return share < 0.999 && !recording.live ? `${ear.name} ${Math.round(100 * share)} %` : ear.name;
  })];
  $("recording-state").textContent = [...(recording.why ? [recording.why] : []), ...(recording.why && !recording.seconds ? [] : parts)].join(" · ");
}

let shown = "";
function showNow(heard) {
  const now = JSON.stringify(heard);
  if (now === shown) return;
  shown = now;
  $("now").replaceChildren(...heard.map(({ ear, birds }) => element("div", { class: "ear" }, element("h3", {}, ear), birds ? named(birds) : t("not_yet"))));
}

// As long as there is something to come: how much there is, and what is heard in it.
async function follow(number) {
  while (at.recording?.number === number) {
    let recording;
    try { recording = await ask(`recordings/${number}`); }
    catch (error) { if (error.status) { opened.delete(number); showOpened(); say(error.message); } return; }
    if (at.recording?.number !== number) return;
    // Whoever has gone back to a moment meanwhile stays there; at the end one goes on with the sound.
    const goesOn = recording.live && !recording.whole && at.cursor >= at.recording.seconds - 0.05;
    const atEnd = $("scroll").scrollLeft + $("scroll").clientWidth >= $("film").clientWidth - 120;
    grow(recording);
    tell(recording);
    await hearOn(recording).catch(() => {});
    if (goesOn) {
      if (atEnd) $("scroll").scrollLeft = $("film").clientWidth;
      move(recording.seconds, false);
      showNow(lastHeard());
    } else move(at.cursor, false);
    if (recording.ended) return;
    await new Promise((resolve) => setTimeout(resolve, recording.live ? 200 : 400));
  }
}

const tooMany = (count) => count > MOST_OPEN ? [`${t("too_many")} ${MOST_OPEN} / ${count}`] : [];

async function send(given) {
  const files = [...given].slice(0, MOST_OPEN), refused = tooMany(given.length);
  for (const file of files) {
    try {
      // By whole signs, since half of one is none.
      $("sending").textContent = `${t("sending")} ${file.name}`;
      const name = [...file.name].slice(-100).join("").toWellFormed?.() ?? file.name.slice(-100);
      const told = await ask(`recordings?name=${encodeURIComponent(name)}`, undefined, { method: "POST", body: file });
      await show(told.number);
    } catch (error) { if (!error.status) throw error; refused.push(error.message); }
    finally { $("sending").textContent = ""; }
  }
  if (refused.length) say(refused.join(" · "));
}

const SOUNDS = /\.(ogg|mp3|wav|flac|opus|aif|aiff|m4a|oga)$/i;

// What was dropped may be folders.
async function filesIn(entry) {
  if (entry.isFile) return new Promise((resolve) => entry.file((file) => resolve([file]), () => resolve([])));
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return (await Promise.all(found.map(filesIn))).flat().filter((file) => SOUNDS.test(file.name));
    found.push(...some);
  }
}

const drop = $("drop");
for (const target of [drop, document.body]) {
  target.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  target.addEventListener("dragleave", () => drop.classList.remove("over"));
}
document.body.addEventListener("drop", doing(async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = entries.length ? (await Promise.all(entries.map(filesIn))).flat() : [...event.dataTransfer.files];
  await send(files);
}));
$("open").addEventListener("click", () => $("file").click());
$("open-folder").addEventListener("click", () => $("folder").click());
for (const id of ["file", "folder"]) $(id).addEventListener("change", doing(async (event) => {
  await send([...event.target.files].filter((file) => id === "file" || SOUNDS.test(file.name)));
  event.target.value = "";
}));
const openGiven = async (place) => show((await ask("recordings/given", { number: place })).number);
$("given").addEventListener("change", doing(async (event) => {
  if (event.target.value === "") return;
  const place = Number(event.target.value);
  event.target.value = "";
  await openGiven(place);
}));

// A path is looked up by the studio, inside the folders it was given alone.
async function openPath(path) {
  const { places, given } = await ask("recordings/pasted", { path });
  list(given);
  $("path").value = "";
  for (const place of places.slice(0, MOST_OPEN)) await openGiven(place);
  const left = tooMany(places.length);
  if (left.length) say(left[0]);
}
const isPath = (text) => /^\s*["']?(\/|file:\/\/|[A-Za-z]:\\)/.test(text);
$("path").addEventListener("keydown", doing(async (event) => { if (event.key === "Enter" && event.target.value.trim()) await openPath(event.target.value); }));
document.addEventListener("paste", doing(async (event) => {
  const inField = event.target instanceof Element && event.target.closest("input, textarea");
  if ($("listen").hidden || (inField && inField.id !== "path")) return;
  const files = [...event.clipboardData.files].filter((file) => SOUNDS.test(file.name)), text = event.clipboardData.getData("text/plain");
  if (!files.length && !isPath(text)) return;
  event.preventDefault();
  await (files.length ? send(files) : openPath(text));
}));

function showRecording(on) {
  const button = $("record");
  button.classList.toggle("on", on);
  button.textContent = on ? `■ ${t("stop")}` : `● ${t("record")}`;
}

let liveNumber = null;
$("record").addEventListener("click", doing(async () => {
  const button = $("record");
  // Until it is clear whether there is a microphone, a second press would open a second one.
  button.disabled = true;
  try {
    if (stopRecording) {
      const stop = stopRecording;
      stopRecording = null;
      showRecording(false);
      await stop();
      liveNumber = null;
      return;
    }
    const { number } = await ask("recordings/live", {});
    const lost = (error) => { stopRecording = null; liveNumber = null; showRecording(false); say(error.status ? error.message : t("lost")); };
    try { stopRecording = await record(number, lost); }
    catch { say(t("no_microphone")); await ask(`recordings/${number}/end`, {}); return; }
    liveNumber = number;
    showRecording(true);
    await show(number);
  } finally { button.disabled = false; }
}));
// Whoever leaves the page ends what is recorded, and is asked before.
addEventListener("beforeunload", (event) => { if (liveNumber !== null) event.preventDefault(); });
addEventListener("pagehide", () => { if (liveNumber !== null) navigator.sendBeacon(`recordings/${liveNumber}/end`, "{}"); });

// Playing: a stretch at a time, so that no length is ever too long.
function stopPlaying() {
  sound?.pause();
  sound = null;
  $("play").textContent = `▶ ${t("play")}`;
}

function playFrom(seconds) {
  hush();
  stopPlaying();
  const number = at.recording.number;
  playedFrom = seconds;
  sound = new Audio(`recordings/${number}/sound?from=${seconds.toFixed(2)}&length=${PLAYED_S}`);
  const own = sound;
  own.addEventListener("ended", () => {
    const next = playedFrom + own.duration;
    if (own === sound && next < at.recording.seconds - 0.05) playFrom(next); else if (own === sound) stopPlaying();
  });
  own.play().catch(stopPlaying);
  $("play").textContent = `❚❚ ${t("pause")}`;
  const step = () => {
    if (own !== sound) return;
    move(playedFrom + own.currentTime);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

const togglePlay = () => { if (sound) stopPlaying(); else if (at.recording) playFrom(at.cursor >= at.recording.seconds - 0.1 ? 0 : at.cursor); };
$("play").addEventListener("click", togglePlay);

$("scroll").addEventListener("scroll", () => requestAnimationFrame(drawTiles), { passive: true });
new ResizeObserver(drawTiles).observe($("scroll"));
$("film").addEventListener("pointerdown", (event) => { stopPlaying(); move(secondsAt(event), false); $("cursor").focus({ preventScroll: true }); });
// The page would take the keys back from the cursor.
$("film").addEventListener("mousedown", (event) => event.preventDefault());
$("film").addEventListener("dblclick", () => $("look").click());
$("cursor").addEventListener("keydown", key);
$("zoom-in").addEventListener("click", () => zoom(1));
$("zoom-out").addEventListener("click", () => zoom(-1));

// Keys of the cursor; elsewhere in this view those that move no page.
export function key(event) {
  if (!at.recording) return;
  const closer = { "+": 1, "=": 1, "-": -1 }[event.key];
  if (closer) { zoom(closer); event.preventDefault(); return; }
  if (event.currentTarget !== $("cursor") && event.key !== " " && (!["ArrowLeft", "ArrowRight", "Enter"].includes(event.key) || event.target.closest("#moment"))) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: 30, PageUp: -30 };
  if (event.key in steps) move(at.cursor + steps[event.key] * (event.shiftKey ? 10 : 1));
  else if (event.key === "Home") move(0);
  else if (event.key === "End") move(at.recording.seconds);
  else if (event.key === "Enter") $("look").click();
  else if (event.key === " ") togglePlay();
  else return;
  event.preventDefault();
}
onMove((seconds) => { if (!at.recording.live || at.recording.whole || seconds < at.recording.seconds - 0.05) showNow(heardAt(seconds)); });
