// The app's home tab, and its modals.
import { appIcon } from "./avatar.js";
import { drawBlocks } from "./blocks.js";
import { h, replace } from "./dom.js";
import { act } from "./live.js";
import { go, nameOf, ui, world } from "./store.js";
import { permalink } from "./richtext.js";
import { opened } from "./teams/links.js";

const at = (id) => document.getElementById(id);

export function drawHome() {
  const box = at("pane");
  const view = world.homes.get(ui.agent);
  const version = `home:${ui.agent}:${view?.hash || ""}`;
  if (box.dataset.home === version && box.querySelector(".app-home")) return;
  box.dataset.home = version;
  const name = nameOf(world.app.bot_user_id);
  replace(box,
    h("header", { class: "pane-head" }, h("h2", {}, appIcon(22), name, h("span", { class: "app-badge" }, "APP"))),
    h("div", { class: "tabs" }, h("span", { "aria-current": "page" }, "Home")),
    h("div", { class: "app-home", tabindex: "0" }, view ? drawBlocks(view.blocks, { agent: ui.agent, view: view.id, open: go, openUrl }) : h("div", { class: "empty" }, appIcon(56), h("p", {}, `${name} has not drawn its home tab yet.`), h("button", { type: "button", class: "btn", on: { click: () => act(ui.agent, "agent.home") } }, "Ask again"))));
}

export function openUrl(url) {
  const found = permalink(url);
  if (found) go(found);
  else if (opened(url)) return;
  else if (/^https?:/i.test(url)) open(url, "_blank", "noopener,noreferrer");
}
