// The buttons of a card: pressed, opened, shown and hidden, with what was filled in beside them.
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { complain } from "../live.js";
import { menu } from "../menu.js";
import { drawBody } from "./card.js";

// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference
const MOST = 6;
const KNOWN = new Set(["Action.Execute", "Action.Submit", "Action.OpenUrl", "Action.ShowCard", "Action.ToggleVisibility"]);

export function actionRow(actions, context, { card = false }) {
  const usable = actions.map(resolved).filter(Boolean);
  const primary = usable.filter((action) => String(action.mode).toLowerCase() !== "secondary");
  const first = primary.slice(0, MOST);
  const rest = usable.filter((action) => !primary.includes(action));
  const shelf = h("div", { class: "card-shown" });
  const buttons = h("div", { class: "card-actions" }, first.map((action) => (action.unknown ? unknown(action) : button(action, context, shelf))));
  if (rest.length) buttons.append(more(rest, context, shelf));
  if (primary.length > MOST) buttons.append(h("span", { class: "card-unknown" }, `Teams shows ${MOST} buttons and leaves out ${primary.length - MOST} here; mode “secondary” puts them behind “…”.`));
  const row = h("div", { class: card ? "card-item card-action-row gap-default" : "card-action-row" }, buttons, shelf);
  return row;
}

// A kind of button that nobody knows may name another to be drawn instead.
function resolved(action) {
  if (KNOWN.has(action?.type)) return action;
  if (action?.fallback === "drop") return null;
  return action?.fallback && typeof action.fallback === "object" ? resolved(action.fallback) : { unknown: true, type: action?.type };
}

const unknown = (action) => h("span", { class: "card-unknown" }, `A button of type “${action.type ?? "?"}”, which this page does not draw.`);

function button(action, context, shelf) {
  const style = { positive: "primary", destructive: "danger" }[String(action.style).toLowerCase()] || "";
  const made = h("button", { type: "button", class: `t-button ${style}`, title: action.tooltip || null, disabled: action.isEnabled === false }, h("span", { dir: "auto" }, action.title || "…"), action.type === "Action.ShowCard" && icon("down", 14));
  made.addEventListener("click", () => run(action, context, made, shelf));
  return made;
}

function more(actions, context, shelf) {
  const made = h("button", { type: "button", class: "t-button more", "aria-label": "More actions", title: "More actions" }, icon("more", 16));
  made.addEventListener("click", () => menu(made, actions.filter((action) => !action.unknown).map((action) => ({
    title: action.title || "…", danger: String(action.style).toLowerCase() === "destructive", run: () => run(action, context, made, shelf),
  }))));
  return made;
}

// Carries out an action; resolves when the app has answered.
export async function run(action, context, node, shelf = null) {
  switch (action.type) {
    case "Action.OpenUrl":
      if (!context.root.where.openUrl(action.url || "") && /^(https?:|mailto:)/i.test(action.url || "")) open(action.url, "_blank", "noopener,noreferrer");
      return;
    case "Action.ToggleVisibility":
      for (const target of action.targetElements || []) toggle(target, context);
      return;
    case "Action.ShowCard":
      if (shelf) showCard(action, context, node, shelf);
      return;
    case "Action.Execute":
    case "Action.Submit":
      await tell(action, context, node);
      return;
    default:
      complain(`This page does not carry out ${action.type}.`);
  }
}

function toggle(target, context) {
  const id = typeof target === "string" ? target : target?.elementId;
  const node = context.root.byId.get(id);
  if (!node) complain(`The card has no element called ${id}.`);
  else node.hidden = typeof target === "object" && typeof target.isVisible === "boolean" ? !target.isVisible : !node.hidden;
}

function showCard(action, context, node, shelf) {
  const open = shelf.__shown === action;
  shelf.replaceChildren();
  for (const other of shelf.parentElement.querySelectorAll(":scope > .card-actions [aria-expanded]")) other.removeAttribute("aria-expanded");
  shelf.__shown = open ? null : action;
  if (open) return;
  node.setAttribute("aria-expanded", "true");
  shelf.append(drawBody(action.card, { ...context, inputs: [], parent: context }));
  shelf.querySelector("input, textarea, select, button")?.focus();
}

async function tell(action, context, node) {
  const fields = [];
  if (String(action.associatedInputs).toLowerCase() !== "none") for (let scope = context; scope; scope = scope.parent) fields.push(...scope.inputs);
  const wrong = fields.filter((field) => !field.check());
  if (wrong.length) {
    wrong[0].control.focus();
    return;
  }
  const values = Object.fromEntries(fields.map((field) => [field.id, field.read()]).filter(([id, value]) => id && value !== undefined));
  const busy = node.closest(".card-action-row, .selectable, .run") || node;
  if (busy.classList.contains("busy")) return;
  busy.classList.add("busy");
  node.classList.add("pressed");
  try {
    await context.root.where.press(action, values);
  } finally {
    busy.classList.remove("busy");
    node.classList.remove("pressed");
  }
}
