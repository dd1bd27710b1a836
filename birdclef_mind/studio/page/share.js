// Show others: the static report, made in the background.
import { $, ask, doing, t } from "./common.js";

let teaches = false;
export function settle(state) { ({ teaches } = state); $("report").disabled = !teaches; }

$("report").addEventListener("click", doing(async () => { await ask("report", { do: "begin" }); watch(); }));
$("report-stop").addEventListener("click", doing(async () => { await ask("report", { do: "stop" }); }));
export const enter = doing(async () => { if (teaches) await watch(); });

async function watch() {
  for (;;) {
    const told = await ask("report");
    const running = ["running", "stopping"].includes(told.state);
    $("report").disabled = running;
    $("report-stop").hidden = !running;
    $("report-state").textContent = told.state === "never" ? "" : t(running ? "working" : told.state) + (told.path && !running ? ` · ${told.path}` : "");
    $("report-lines").hidden = !told.lines.length || told.state === "done";
    $("report-lines").textContent = told.lines.join("\n");
    $("report-link").hidden = !told.path || running;
    if (told.path) $("report-link").href = "report/report.html";
    if (!running) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
