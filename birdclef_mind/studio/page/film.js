// A recording as a strip of film: tiles of its spectrogram, lanes of what is heard, and a cursor.
import { $, ask, clock, element, percent, t } from "./common.js";

const SCALES = [15, 30, 60, 120, 240], LANE_BIRDS = 5, CHUNK = 600, APART_PX = 90;
let tileS = 10, pxAS = 60;
export const at = { recording: null, cursor: 0 };
let heard = [];
let lanes = new Map();
const listeners = [];
export const onMove = (work) => listeners.push(work);

export function settle(state) {
  tileS = state.tile_s;
  $("khz").replaceChildren(element("b", {}, "kHz"), ...state.ticks.map(([value, height]) => {
    const tick = element("span", {}, `${value}`);
    tick.style.bottom = `${100 * height}%`;
    return tick;
  }));
}

export function open(recording) {
  at.recording = recording;
  at.cursor = 0;
  heard = recording.ears.map(() => ({ count: 0, rows: [], names: {} }));
  lanes = new Map();
  $("tiles").replaceChildren();
  $("lanes").replaceChildren();
  $("scroll").scrollLeft = 0;
  grow(recording);
  move(0);
}

export function grow(recording) {
  at.recording = recording;
  const width = Math.ceil(recording.seconds * pxAS);
  $("film").style.width = `${Math.max(width, 1)}px`;
  $("cursor").setAttribute("aria-valuemax", recording.seconds.toFixed(1));
  drawTiles();
}

// Only tiles in sight stand in the page, whatever the recording's length.
export function drawTiles() {
  const { recording } = at;
  if (!recording) return;
  const scroll = $("scroll"), tiles = $("tiles");
  const first = Math.max(0, Math.floor(scroll.scrollLeft / (tileS * pxAS)) - 1);
  const last = Math.min(Math.ceil(recording.seconds / tileS) - 1, Math.ceil((scroll.scrollLeft + scroll.clientWidth) / (tileS * pxAS)) + 1);
  for (const old of [...tiles.children]) if (old.dataset.tile < first || old.dataset.tile > last) old.remove();
  for (let tile = first; tile <= last; tile += 1) {
    const whole = recording.whole || recording.seconds >= (tile + 1) * tileS;
    const version = `?scale=${recording.scale}${whole ? "" : `&at=${Math.floor(2 * recording.seconds)}`}`;
    const source = `recordings/${recording.number}/picture/${tile}${version}`;
    let image = tiles.querySelector(`img[data-tile="${tile}"]`);
    if (!image) {
      image = element("img", { alt: "", "data-tile": tile, draggable: "false" });
      image.style.left = `${tile * tileS * pxAS}px`;
      image.style.width = `${tileS * pxAS}px`;
      tiles.append(image, ...timesOf(tile));
    }
    if (image.getAttribute("src") !== source) image.setAttribute("src", source);
  }
  drawLanes();
}

function timesOf(tile) {
  const step = [1, 2, 5].find((seconds) => seconds * pxAS >= APART_PX) ?? tileS;
  return Array.from({ length: Math.ceil(tileS / step) }, (_, place) => {
    const seconds = tile * tileS + place * step, time = element("i", { "data-tile": tile }, clock(seconds));
    time.style.left = `${seconds * pxAS}px`;
    return time;
  });
}

// Closer (1) or further away (-1); what is in the middle, or the cursor where it is in sight, stays where it is.
export function zoom(by) {
  const scroll = $("scroll"), place = SCALES.indexOf(pxAS) + by;
  if (!at.recording || !(place in SCALES)) return;
  const cursor = at.cursor * pxAS - scroll.scrollLeft;
  const x = cursor >= 0 && cursor <= scroll.clientWidth ? cursor : scroll.clientWidth / 2;
  const seconds = (scroll.scrollLeft + x) / pxAS;
  pxAS = SCALES[place];
  $("tiles").replaceChildren();
  grow(at.recording);
  scroll.scrollLeft = seconds * pxAS - x;
  drawTiles();
  move(at.cursor, false);
}

export async function hearOn(recording) {
  for (const [ear, own] of recording.ears.entries()) {
    while (heard[ear] && heard[ear].count < own.heard) {
      const told = await ask(`recordings/${recording.number}/heard?ear=${ear}&first=${heard[ear].count}`);
      if (at.recording?.number !== recording.number) return;
      heard[ear].rows.push(...told.rows);
      heard[ear].count += told.rows.length;
      Object.assign(heard[ear].names, told.names);
      if (!told.rows.length || told.rows.length < CHUNK) break;
    }
  }
  makeLanes(recording);
  drawLanes();
}

function makeLanes(recording) {
  const wanted = [];
  recording.ears.forEach((ear, place) => {
    wanted.push([`ear ${place}`, ear.name, place, null]);
    for (const [bird, name] of ear.best.slice(0, LANE_BIRDS)) wanted.push([`${place} ${bird}`, name, place, bird]);
  });
  const keys = wanted.map(([key]) => key).join();
  if ($("lanes").dataset.keys === keys && lanes.size) return;
  $("lanes").dataset.keys = keys;
  lanes = new Map(wanted.map(([key, name, ear, bird]) => {
    const canvas = bird === null ? null : element("canvas", { "aria-hidden": "true" });
    const lane = element("div", { class: bird === null ? "lane of" : "lane" }, element("b", {}, name), ...(canvas ? [canvas] : []));
    return [key, { lane, canvas, ear, bird }];
  }));
  $("lanes").replaceChildren(...[...lanes.values()].map(({ lane }) => lane));
}

// What is heard belongs to the middle of its window.
const moment = (ear, row) => (row + 1) * at.recording.hop_s - at.recording.ears[ear].length_s / 2;
const rowAt = (ear, seconds) => Math.round((seconds + at.recording.ears[ear].length_s / 2) / at.recording.hop_s - 1);

function drawLanes() {
  const scroll = $("scroll");
  for (const { canvas, ear, bird } of lanes.values()) {
    if (!canvas) continue;
    canvas.width = scroll.clientWidth;
    canvas.style.left = `${scroll.scrollLeft}px`;
    canvas.style.width = `${scroll.clientWidth}px`;
    canvas.height = 9;
    const pen = canvas.getContext("2d");
    const first = Math.max(0, rowAt(ear, scroll.scrollLeft / pxAS) - 1), last = rowAt(ear, (scroll.scrollLeft + scroll.clientWidth) / pxAS) + 1;
    const step = at.recording.hop_s * pxAS;
    for (let row = first; row <= Math.min(last, heard[ear].rows.length - 1); row += 1) {
      const found = heard[ear].rows[row].find(([one]) => one === bird);
      if (!found) continue;
      pen.fillStyle = `rgb(240 166 92 / ${Math.min(1, found[1])})`;
      pen.fillRect(moment(ear, row) * pxAS - step / 2 - scroll.scrollLeft, 0, Math.ceil(step), 9);
    }
  }
}

const birdsIn = (place, row) => row.slice(0, 3).map(([bird, chance]) => [heard[place].names[bird] ?? String(bird), chance]);

// What each ear names at a moment; `birds` is null where it has not come so far.
export function heardAt(seconds) {
  return (at.recording?.ears ?? []).map((ear, place) => {
    const rows = heard[place].rows, row = Math.max(0, rowAt(place, seconds));
    const whole = at.recording.ended || at.recording.live;
    return { ear: ear.name, birds: row < rows.length || whole ? birdsIn(place, rows[Math.min(row, rows.length - 1)] ?? []) : null };
  });
}

export const lastHeard = () => (at.recording?.ears ?? []).map((ear, place) => ({ ear: ear.name, birds: birdsIn(place, heard[place].rows.at(-1) ?? []) }));

export function move(seconds, follow = true) {
  const { recording } = at;
  if (!recording) return;
  at.cursor = Math.min(Math.max(0, seconds), recording.seconds);
  const cursor = $("cursor"), scroll = $("scroll"), x = at.cursor * pxAS;
  cursor.style.left = `${x}px`;
  cursor.setAttribute("aria-valuenow", at.cursor.toFixed(1));
  const birds = heardAt(at.cursor)[0]?.birds, best = birds?.[0];
  const told = best ? `${best[0]} ${percent(best[1])}` : t(birds ? "silence" : "not_yet");
  // Once a second while it plays, or who listens to the page would hear nothing else.
  const text = `${clock(Math.floor(at.cursor))} ${told}`;
  if (cursor.getAttribute("aria-valuetext") !== text) cursor.setAttribute("aria-valuetext", text);
  if (follow && (x < scroll.scrollLeft + 40 || x > scroll.scrollLeft + scroll.clientWidth - 40)) scroll.scrollLeft = x - scroll.clientWidth / 2;
  for (const work of listeners) work(at.cursor);
}

export const secondsAt = (event) => (event.clientX - $("film").getBoundingClientRect().left) / pxAS;
