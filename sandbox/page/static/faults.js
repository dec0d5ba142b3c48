// The drawer with which a visitor makes vendors fail, to see what the product says then.
import { h, iconButton, replace } from "./dom.js";
import { icon } from "./icons.js";
import { act } from "./live.js";
import { on, world } from "./store.js";

const at = (id) => document.getElementById(id);
const NAMES = { slack: "Slack", teams: "Teams", telegram: "Telegram", mail: "Mail server" };

export function begin() {
  at("faults-button").addEventListener("click", () => toggle(at("faults").hidden));
  addEventListener("keydown", (event) => { if (event.key === "Escape" && !at("faults").hidden && at("faults").contains(document.activeElement)) toggle(false); });
  on("page", draw);
}

function toggle(open) {
  at("faults").hidden = !open;
  at("faults-button").setAttribute("aria-expanded", String(open));
  if (open) at("faults").querySelector("button, input")?.focus();
  else at("faults-button").focus();
}

function draw() {
  const { offered, on: active } = world.page.faults;
  const number = active.length;
  const badge = at("faults-count");
  badge.textContent = number || "";
  badge.hidden = !number;
  const focused = document.activeElement?.dataset?.fault;
  replace(at("faults"),
    h("header", {}, h("h2", {}, icon("bolt", 18), "Make it fail"), iconButton(icon("close"), "Close", () => toggle(false))),
    h("p", {}, "Switch a trouble on, then write or answer. Nothing is lost: see what the agent is told, and how it recovers when you switch it off."),
    Object.entries(NAMES).filter(([vendor]) => offered.some((entry) => entry.vendor === vendor)).map(([vendor, title]) => h("section", {}, h("h3", {}, title), offered.filter((entry) => entry.vendor === vendor).map((entry) => h("label", { class: "switch" }, h("input", { type: "checkbox", role: "switch", checked: active.includes(entry.id), data: { fault: entry.id }, on: { change: (event) => act("", "fault.turn", { id: entry.id, on: event.target.checked }) } }), h("span", { class: "knob" }), h("span", {}, h("b", {}, entry.title), h("small", {}, entry.detail)))))));
  if (focused) at("faults").querySelector(`[data-fault="${focused}"]`)?.focus();
}
