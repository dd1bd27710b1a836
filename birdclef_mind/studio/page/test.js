// Test yourself: which bird is it, by what a layer still gives?
import { $, ask, doing, element, percent, playSound, t } from "./common.js";

let question = null, names = new Map(), ready = false;

export function settle(state) {
  names = new Map(state.birds);
  ready = state.teaches;
  $("ask").disabled = !ready;
}

const hear = () => playSound(`blind/${question.number}/sound`);

$("ask").addEventListener("click", doing(async () => {
  // A question takes a moment to be made.
  $("ask").disabled = true;
  $("verdict").textContent = t("working");
  try { question = await ask("blind", {}); }
  finally { $("ask").disabled = !ready; $("verdict").textContent = ""; }
  $("replay").hidden = false;
  $("replay").onclick = hear;
  $("offered").replaceChildren(...question.offered.map(([label, name], place) => {
    const button = element("button", { type: "button", "data-label": label }, `${place + 1} · ${name}`);
    button.addEventListener("click", doing(() => answer(label)));
    return button;
  }));
  await hear();
}));

async function answer(label) {
  const told = await ask(`blind/${question.number}`, { label });
  for (const button of $("offered").children) {
    button.disabled = true;
    button.classList.toggle("right-one", button.dataset.label === told.truth);
    button.classList.toggle("wrong-one", button.dataset.label === label && !told.right);
  }
  const name = (one) => names.get(one) ?? one;
  $("verdict").textContent = `${told.right ? t("is_right") : `${t("is_wrong")} ${name(told.truth)}.`} ${t("network_said")} ${name(told.network)}. (${t("heard_from")} ${told.stage})`;
  $("tally").replaceChildren(element("table", {},
    element("thead", {}, element("tr", {}, ...["", t("questions"), t("you"), t("network")].map((word) => element("th", { scope: "col" }, word)))),
    element("tbody", {}, ...Object.entries(told.tallies).map(([stage, tally]) => element("tr", {}, element("th", { scope: "row" }, stage), element("td", {}, `${tally.asked}`),
      element("td", {}, percent(tally.person / tally.asked)), element("td", {}, percent(tally.network / tally.asked)))))));
  $("ask").textContent = t("next");
  $("ask").focus();
}

export function key(event) {
  const button = $("offered").children[Number(event.key) - 1];
  if (button && !button.disabled) { event.preventDefault(); button.click(); }
}
