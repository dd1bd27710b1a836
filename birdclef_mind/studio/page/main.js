// The page: its four views, keys, and the language.
import { $, ask, doing, language } from "./common.js";
import * as film from "./film.js";
import * as listen from "./listen.js";
import * as moment from "./moment.js";
import * as share from "./share.js";
import * as teach from "./teach.js";
import * as test from "./test.js";

const VIEWS = { listen, teach, test, share };

function show() {
  const wanted = location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "listen";
  for (const name of Object.keys(VIEWS)) $(name).hidden = name !== wanted;
  for (const link of document.querySelectorAll("nav a")) link.dataset.view === wanted ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  VIEWS[wanted].enter?.();
  if (wanted === "listen") film.drawTiles();
}

document.addEventListener("keydown", (event) => {
  if (!(event.target instanceof Element)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog, [role=slider]")) return;
  if (event.target.closest("button, a") && [" ", "Enter"].includes(event.key)) return;
  const view = document.querySelector("nav a[aria-current]")?.dataset.view;
  VIEWS[view]?.key?.(event);
});
$("language").addEventListener("change", (event) => { location.search = `?lang=${event.target.value}`; });

doing(async () => {
  const state = await ask("state");
  document.title = `${state.networks.join(", ")} · birdclef_mind studio`;
  for (const told of document.querySelectorAll(".no-data")) told.hidden = state.teaches;
  for (const part of [film, listen, moment, teach, test, share]) part.settle(state);
  addEventListener("hashchange", show);
  show();
  document.body.dataset.ready = language;
})();
