// The way back, and the table of birds.
function chooseMethod(method) {
  for (const layer of document.querySelectorAll(".layer")) layer.hidden = layer.dataset.method !== method;
  for (const line of document.querySelectorAll("polyline[data-method]")) line.classList.toggle("chosen", line.dataset.method === method);
}
for (const input of document.querySelectorAll("input[name=method]")) {
  input.addEventListener("change", () => chooseMethod(input.value));
  if (input.checked) chooseMethod(input.value);
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
