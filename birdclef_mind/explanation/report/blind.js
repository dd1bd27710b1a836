// The blind listening test.
const startForm = document.getElementById("blind-start");
const results = [];
let clips = [];
let turn = 0;
let chosen = "";
const wayWords = {{ way_words|tojson }};

function shuffled(items) {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other], mixed[last]];
  }
  return mixed;
}

// Piles in turn, so that clips of each come about equally often.
function inTurn(piles) {
  const drawn = [];
  while (piles.some((pile) => pile.length)) for (const pile of shuffled(piles)) if (pile.length) drawn.push(pile.pop());
  return drawn;
}

// The stages in turn, and the ways back within each; then all mixed.
function drawClips(stages, count) {
  const pileOf = (stage) => inTurn(["", ...facts.blind.ways].map((way) =>
    shuffled(facts.blind.clips.filter((clip) => clip.stage === stage && clip.way === way)))).reverse();
  return shuffled(inTurn(stages.map(pileOf)).slice(0, count));
}

// Share of n throws of probability p that give at least k, and at most k.
function atLeast(k, n, p) {
  let sum = 0;
  let logChoose = 0;
  for (let i = 0; i <= n; i++) {
    if (i > 0) logChoose += Math.log((n - i + 1) / i);
    if (i >= k) sum += Math.exp(logChoose + i * Math.log(p) + (n - i) * Math.log(1 - p));
  }
  return sum;
}

// Clopper and Pearson, 1934: the probabilities that leave 2.5 % on either side.
function exactInterval(k, n) {
  const solve = (holds) => {
    let [low, high] = [0, 1];
    for (let step = 0; step < 60; step++) {
      const middle = (low + high) / 2;
      if (holds(middle)) high = middle; else low = middle;
    }
    return (low + high) / 2;
  };
  const lower = k === 0 ? 0 : solve((p) => atLeast(k, n, p) > 0.025);
  const upper = k === n ? 1 : solve((p) => 1 - atLeast(k + 1, n, p) < 0.025);
  return [lower, upper];
}

const part = (id) => document.getElementById(`blind-${id}`);
const percent = (share) => `${Math.round(100 * share)} %`;
const offered = () => [...document.querySelectorAll("[data-bird]")];

function showTurn() {
  chosen = "";
  part("progress").textContent = `Clip ${turn + 1} of ${clips.length}`;
  part("bar").style.width = "0";
  for (const button of offered()) button.setAttribute("aria-pressed", "false");
  part("next").disabled = true;
  part("next").firstChild.textContent = turn + 1 === clips.length ? "Show results " : "Next ";
  blindButton.dataset.sound = clips[turn].sound;
  if (current === blindButton) { player.pause(); current = null; }
}

function answer() {
  const clip = clips[turn];
  results.push({ ...clip, chosen, right: chosen === clip.truth });
  turn += 1;
  if (turn < clips.length) showTurn(); else showResults();
}

const share = (count, of) => (of ? `${count} (${percent(count / of)})` : "–");

function resultCells(own) {
  const right = own.filter((result) => result.right).length;
  const [low, high] = own.length ? exactInterval(right, own.length) : [0, 1];
  const named = (key) => share(own.filter((result) => result[key] === result.truth).length, own.length);
  const cells = [own.length, share(right, own.length), `${percent(low)} – ${percent(high)}`, percent(1 / facts.blind.offered.length), named("network")];
  if (results.some((result) => result.second !== null)) cells.push(named("second"));
{% if judge %}
  const asked = own.filter((result) => result.judge !== null);
  const agreed = asked.filter((result) => result.judge === result.truth).length;
  cells.push(asked.length ? `${agreed} of ${asked.length} (${percent(agreed / asked.length)})` : "–");
{% endif %}
  return cells;
}

function showResults() {
  if (current === blindButton) { player.pause(); current = null; }
  part("test").hidden = true;
  part("results").hidden = false;
  const words = (stage) => startForm.querySelector(`[value="${CSS.escape(stage)}"]`).parentNode.textContent.trim();
  const heard = (key, value) => results.filter((result) => result[key] === value);
  const stages = facts.blind.stages.map((stage) => [words(stage), heard("stage", stage)]);
  const ways = facts.blind.ways.map((way) => [wayWords[way] ?? way, heard("way", way)]);
  const groups = [...stages, ...ways].filter(([, own]) => own.length);
  part("results").querySelector("tbody").replaceChildren(...[...groups, ["all", results]].map(([name, own]) =>
    element("tr", {}, element("th", { scope: "row" }, name), ...resultCells(own).map((value) => element("td", {}, String(value))))));
  part("results").querySelector("h3").focus();
}

let blindButton = null;
if (startForm) {
  blindButton = part("play");
  blindButton.append(element("span", { class: "position", hidden: "" }));
  player.addEventListener("timeupdate", () => {
    if (current === blindButton) part("bar").style.width = percent(player.currentTime / (player.duration || 1));
  });
  blindButton.addEventListener("click", () => play(blindButton));
  startForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const stages = [...startForm.querySelectorAll("[name=stage]:checked")].map((box) => box.value);
    clips = drawClips(stages, Number(startForm.count.value));
    if (!clips.length) return;
    results.length = 0;
    turn = 0;
    startForm.hidden = true;
    part("test").hidden = false;
    showTurn();
    blindButton.focus();
  });
  for (const button of offered()) {
    button.addEventListener("click", () => {
      chosen = button.dataset.bird;
      for (const other of offered()) other.setAttribute("aria-pressed", String(other === button));
      part("next").disabled = false;
    });
  }
  part("next").addEventListener("click", answer);
  part("stop").addEventListener("click", showResults);
  part("again").addEventListener("click", () => { part("results").hidden = true; startForm.hidden = false; });
  part("download").addEventListener("click", () => {
    download("blind-test.csv", [["clip", "stage", "way", "recording", "start_s", "truth", "chosen", "right", "network", "network_right", "second", "second_right"{% if judge %}, "judge", "judge_right"{% endif %}],
      ...results.map((result, place) => [place + 1, result.stage, result.way, result.recording, result.start_s, result.truth, result.chosen, Number(result.right), result.network, Number(result.network === result.truth), result.second ?? "", result.second === null ? "" : Number(result.second === result.truth){% if judge %}, result.judge ?? "", result.judge === null ? "" : Number(result.judge === result.truth){% endif %}])]);
  });
  document.addEventListener("keydown", (event) => {
    if (part("test").hidden || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, dialog")) return;
    const digit = "1234567890".indexOf(event.key);
    if (digit >= 0 && offered()[digit]) offered()[digit].click();
    if (event.key === "p") blindButton.click();
    if (event.key === "n" && !part("next").disabled) part("next").click();
  });
}
