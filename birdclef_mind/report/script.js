"use strict";
// One sound at a time: a single player serves every picture.
const player = new Audio();
let current = null;

function show(button, state) {
  button.classList.toggle("playing", state === "playing");
  button.classList.toggle("paused", state === "paused");
}

function move() {
  if (!current) return;
  const share = player.duration ? player.currentTime / player.duration : 0;
  current.querySelector(".position").style.left = `${100 * share}%`;
  if (!player.paused) requestAnimationFrame(move);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.play");
  if (!button) return;
  if (button === current && !player.paused) { player.pause(); return; }
  if (button !== current) {
    if (current) show(current, "");
    current = button;
    player.src = button.dataset.sound;
  }
  player.play();
});
player.addEventListener("play", () => { show(current, "playing"); move(); });
player.addEventListener("pause", () => { show(current, "paused"); });
player.addEventListener("ended", () => { show(current, ""); });

document.getElementById("grey").addEventListener("change", (event) => {
  document.body.classList.toggle("grey", event.target.checked);
});

function choose(method) {
  for (const layer of document.querySelectorAll(".layer")) layer.hidden = layer.dataset.method !== method;
  for (const line of document.querySelectorAll("polyline")) line.classList.toggle("chosen", line.dataset.method === method);
}
for (const input of document.querySelectorAll("input[name=method]")) {
  input.addEventListener("change", () => choose(input.value));
  if (input.checked) choose(input.value);
}

const birds = document.getElementById("birds");
if (birds) {
  const body = birds.tBodies[0];
  document.getElementById("search").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  [...birds.tHead.rows[0].cells].forEach((cell, index) => cell.addEventListener("click", () => {
    const upwards = cell.getAttribute("aria-sort") !== "ascending";
    for (const other of cell.parentNode.cells) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", upwards ? "ascending" : "descending");
    const value = (row) => row.cells[index].textContent;
    const rows = [...body.rows].sort((a, b) => value(a).localeCompare(value(b), "en", { numeric: true }));
    body.append(...(upwards ? rows : rows.reverse()));
  }));
}
