// Modals: the stack of views that one agent sees, filled in, submitted, refused with a word at the field.
import { appIcon } from "./avatar.js";
import { drawBlocks } from "./blocks.js";
import { control } from "./elements.js";
import { h, iconButton, replace } from "./dom.js";
import { icon } from "./icons.js";
import { act, complain } from "./live.js";
import { go, on, ui, world } from "./store.js";
import { openUrl } from "./home.js";

const at = (id) => document.getElementById(id);
let shown = "";
let before = null;

export function begin() {
  on("slack ui", draw);
}

function draw() {
  if (!world.ready) return;
  const mine = [...world.views.values()].filter((entry) => entry.user === ui.agent);
  const layer = at("modals");
  const top = mine.at(-1)?.view;
  const key = top ? `${top.id}:${top.hash}` : "";
  if (key !== shown) {
    if (!shown) before = document.activeElement;
    shown = key;
    layer.hidden = !top;
    replace(layer, top && build(top, mine.length));
    if (top) (layer.querySelector("[data-focus=first]") || layer.querySelector(".modal-body :is(textarea, input, select)") || layer.querySelector(".modal button"))?.focus();
    else if (before?.isConnected) before.focus();
  }
  if (top) showErrors(layer, world.viewErrors.get(top.id));
}

function build(view, depth) {
  const fields = new Map();
  const where = { agent: ui.agent, view: view.id, open: go, openUrl };
  const blocks = drawBlocks(view.blocks.filter((block) => block.type !== "input"), where);
  const body = h("div", { class: "modal-body" });
  for (const block of view.blocks) {
    if (block.type !== "input") body.append(blocks.shift());
    else body.append(inputBlock(block, where, fields));
  }
  const submit = view.submit && h("button", { type: "submit", class: "btn primary solid" }, view.submit.text);
  const close = () => act(ui.agent, "agent.close", { view_id: view.id });
  const form = h("form", { class: "modal", role: "dialog", "aria-modal": "true", "aria-labelledby": "modal-title", novalidate: true },
    h("header", {}, depth > 1 ? iconButton(icon("left"), "Back", close) : appIcon(26), h("h2", { id: "modal-title" }, view.title?.text || ""), iconButton(icon("close"), "Close", () => act(ui.agent, "agent.close", { view_id: view.id, all: true }))),
    body,
    (submit || view.close) && h("footer", {}, h("button", { type: "button", class: "btn", on: { click: close } }, view.close?.text || "Close"), submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!check(view, fields, form)) return;
    submit.disabled = true;
    submit.classList.add("busy");
    const values = Object.fromEntries([...fields].map(([id, field]) => [id, field.read()]).filter(([, value]) => value !== undefined));
    world.viewErrors.delete(view.id);
    const answer = await act(ui.agent, "agent.submit", { view_id: view.id, values });
    submit.disabled = false;
    submit.classList.remove("busy");
    if (answer && answer.ok === false) complain("We had some trouble connecting. Try again?");
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); close(); }
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && submit) form.requestSubmit();
    if (event.key === "Tab") keepInside(event, form);
  });
  return form;
}

function inputBlock(block, where, fields) {
  const made = control(block, block.element, where);
  fields.set(block.block_id, made);
  const hint = block.hint && h("div", { class: "input-hint" }, block.hint.text);
  const error = h("div", { class: "input-error", role: "alert", id: `${made.control.id}-error` });
  made.control.setAttribute("aria-describedby", error.id);
  made.control.addEventListener("input", () => { error.textContent = ""; });
  return h("div", { class: "block block-input", data: { block: block.block_id } }, h("label", { class: "input-label", for: made.control.id }, block.label.text, block.optional && h("span", { class: "optional" }, " (optional)")), made.node, error, hint);
}

// Slack's client asks for what is missing before the app hears of it.
function check(view, fields, form) {
  let first = null;
  for (const block of view.blocks) {
    const field = fields.get(block.block_id);
    if (!field) continue;
    const value = field.read();
    const missing = !block.optional && value !== undefined && (value === null || String(value).trim() === "" || (Array.isArray(value) && !value.length));
    const error = form.querySelector(`[data-block="${CSS.escape(block.block_id)}"] .input-error`);
    error.textContent = missing ? "Please complete this required field." : "";
    if (missing) first ||= field.control;
  }
  first?.focus();
  return !first;
}

function showErrors(layer, errors) {
  for (const [id, words] of Object.entries(errors || {})) {
    const error = layer.querySelector(`[data-block="${CSS.escape(id)}"] .input-error`);
    if (error) error.textContent = words;
  }
}

function keepInside(event, form) {
  const stops = [...form.querySelectorAll("button, input, textarea, select, a[href]")].filter((stop) => !stop.disabled && stop.tabIndex >= 0 && stop.offsetParent);
  const [first, last] = [stops[0], stops.at(-1)];
  if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
  else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
}
