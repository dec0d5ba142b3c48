// Dialogs of the app: a card to fill in or a sentence, over the workspace, for the agent who asked for it.
import { appIcon } from "../avatar.js";
import { drawCard } from "../cards/card.js";
import { h, iconButton, replace } from "../dom.js";
import { icon } from "../icons.js";
import { act } from "../live.js";
import { changed } from "../store.js";
import { opened } from "./links.js";
import { told } from "./press.js";
import { desk, look } from "./store.js";

const at = (id) => document.getElementById(id);
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/task-modules/invoking-task-modules
const WIDTHS = { small: 350, medium: 600, large: 800 };
let shown = "";
let before = null;

export function drawDialog() {
  const sentence = desk.sentences.get(look.agent);
  const dialog = desk.dialogs.get(look.agent) || (sentence && { text: sentence, width: "small", version: sentence });
  const layer = at("t-dialogs");
  const key = dialog ? `${look.agent}:${dialog.version}` : "";
  if (key === shown) return;
  if (!shown) before = document.activeElement;
  shown = key;
  layer.hidden = !dialog;
  replace(layer, dialog && build(dialog));
  if (dialog) (layer.querySelector(".t-dialog-body :is(textarea, input, select)") || layer.querySelector(".t-dialog button"))?.focus();
  else if (before?.isConnected) before.focus();
}

function close() {
  if (desk.dialogs.has(look.agent)) return act(look.agent, "teams.close");
  desk.sentences.delete(look.agent);
  changed("teams");
  return undefined;
}

function build(dialog) {
  const where = { agent: look.agent, openUrl: opened, press: submit };
  const body = dialog.card ? drawCard(dialog.card, where) : h("p", { class: "t-dialog-words", dir: "auto" }, dialog.text);
  body.classList.remove("full");
  const width = WIDTHS[dialog.width] || Math.min(900, Math.max(280, Number(dialog.width) || 600));
  const node = h("div", { class: "t-dialog", role: "dialog", "aria-modal": "true", "aria-labelledby": "t-dialog-title", vars: { "--width": `${width}px` } },
    h("header", {}, appIcon(24, "hex"), h("div", {}, h("h2", { id: "t-dialog-title", dir: "auto" }, dialog.title || desk.app.name), h("small", {}, desk.app.name)), iconButton(icon("close"), "Close", close)),
    h("div", { class: "t-dialog-body" }, body),
    !dialog.card && h("footer", {}, h("button", { type: "button", class: "t-button primary", on: { click: close } }, "OK")));
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); close(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) node.querySelector(".t-button.primary")?.click();
    if (event.key === "Tab") keepInside(event, node);
  });
  return node;
}

async function submit(action, inputs) {
  told(await act(look.agent, "teams.submit", { action, inputs }));
}

function keepInside(event, node) {
  const stops = [...node.querySelectorAll("button, input, textarea, select, a[href]")].filter((stop) => !stop.disabled && stop.tabIndex >= 0 && stop.offsetParent);
  const [first, last] = [stops[0], stops.at(-1)];
  if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
  else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
}
