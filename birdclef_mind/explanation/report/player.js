// One sound at a time: a single player serves every picture, and plays whole files or stretches of a recording.
const block = document.getElementById("facts");
const facts = block ? JSON.parse(block.textContent) : { embedded: {} };
const player = new Audio();
let current = null;

function setState(button, state) {
  button.classList.toggle("playing", state === "playing");
  button.classList.toggle("paused", state === "paused");
}

function stretch(button) {
  const from = Number(button.dataset.from || 0);
  const end = player.duration || 0;
  return [from, button.dataset.length ? Math.min(from + Number(button.dataset.length), end) : end];
}

function move() {
  if (!current) return;
  const [from, to] = stretch(current);
  if (to > from) current.querySelector(".position").style.left = `${Math.min(100, (100 * (player.currentTime - from)) / (to - from))}%`;
  if (to > from && player.currentTime >= to) { player.pause(); setState(current, ""); player.currentTime = from; return; }
  if (!player.paused) requestAnimationFrame(move);
}

function play(button) {
  if (button === current && !player.paused) { player.pause(); return; }
  const another = button !== current;
  if (current && another) setState(current, "");
  current = button;
  const sound = facts.embedded[button.dataset.sound] || button.dataset.sound;
  const start = () => {
    const [from, to] = stretch(button);
    if (another || player.currentTime < from || player.currentTime >= to) player.currentTime = from;
    player.play().catch(() => setState(button, ""));
  };
  if (another && player.dataset.sound !== button.dataset.sound) {
    player.pause();
    player.dataset.sound = button.dataset.sound;
    player.src = sound;
  }
  if (player.readyState >= 1) start();
  else player.addEventListener("loadedmetadata", () => { if (current === button) start(); }, { once: true });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.play");
  if (button) play(button);
});
player.addEventListener("play", () => { if (current) { setState(current, "playing"); move(); } });
player.addEventListener("pause", () => { if (current) setState(current, "paused"); });
player.addEventListener("ended", () => { if (current) setState(current, ""); });
player.addEventListener("error", () => { if (current) { setState(current, ""); current.classList.add("broken"); } });

document.getElementById("grey").addEventListener("change", (event) => {
  document.body.classList.toggle("grey", event.target.checked);
});

// An element with attributes and children; text is always text.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function download(name, lines) {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const text = lines.map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
