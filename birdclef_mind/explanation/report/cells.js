// Segments with their pictures, sounds and flags, and many of them, the next ones when asked for.
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
