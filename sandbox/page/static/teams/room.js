// A channel: its head, its posts as threads, and the way to start one.
import { h, reconcile, replace, stickToEnd } from "../dom.js";
import { icon } from "../icons.js";
import { changed } from "../store.js";
import { composerFor } from "./composer.js";
import { teamMark } from "./list.js";
import { closedBecause, desk, look, markRead, roomOf, teamOf } from "./store.js";
import { buildThread, post, threadsOf } from "./thread.js";

const at = (id) => document.getElementById(id);
let shown = "";

export const forgetRoom = () => { shown = ""; };

export function drawRoom(place) {
  const box = at("t-pane");
  const room = roomOf(place.room);
  if (!room) {
    shown = "";
    replace(box, h("div", { class: "empty" }, h("p", {}, "No channel is open. Choose one on the left.")));
    return;
  }
  const key = `${look.agent}:${room.id}`;
  if (shown !== key) {
    shown = key;
    replace(box, head(room), stickToEnd(h("div", { class: "t-posts", id: "t-posts", role: "log", "aria-label": `Posts in ${room.name}`, tabindex: "0" }), true), h("div", { class: "t-foot", id: "t-foot" }));
  }
  const list = at("t-posts");
  const threads = threadsOf(room);
  const items = [{ key: "welcome", version: room.name, draw: () => welcome(room) }, ...threads.map((thread) => ({ key: thread.root.id, version: "", thread, draw: () => buildThread(room, thread.root.id) }))];
  reconcile(list, items, (item) => item.draw());
  for (const node of list.children) {
    const thread = items.find((item) => item.key === node.__key)?.thread;
    if (thread) node.update(thread);
  }
  drawFoot(room);
  show(list);
  const last = Math.max(0, ...[...room.messages.values()].map((message) => message.order));
  if (!document.hidden && at("teams").offsetParent && markRead(look.agent, room.id, last)) setTimeout(() => changed("teams"), 1500);
}

function head(room) {
  return h("header", { class: "t-head" },
    h("button", { type: "button", class: "icon-button t-back", "aria-label": "All channels", on: { click: () => { at("teams").classList.toggle("listing"); } } }, icon("left")),
    teamMark(teamOf(room), 28), h("h2", { dir: "auto" }, room.name), h("span", { class: "t-tab", "aria-current": "page" }, "Posts"), h("span", { class: "t-where", dir: "auto" }, teamOf(room).name));
}

function welcome(room) {
  return h("div", { class: "t-welcome" }, h("span", { class: "t-welcome-mark" }, icon("thread", 30)), h("h2", {}, `Welcome to ${room.name}`), h("p", {}, "When a customer writes, the conversation starts here as a post. Answer in its thread, and she reads it where she wrote."));
}

function drawFoot(room) {
  const foot = at("t-foot");
  const starting = look.starting === `${look.agent}:${room.id}`;
  const closed = closedBecause(room);
  const version = `${closed}${starting}`;
  if (foot.dataset.version === version) return;
  foot.dataset.version = version;
  if (closed) {
    replace(foot, h("div", { class: "t-closed", role: "status" }, icon("lock", 15), closed));
    return;
  }
  const start = (on) => { look.starting = on ? `${look.agent}:${room.id}` : ""; changed("teams"); };
  if (!starting) {
    replace(foot, h("button", { type: "button", class: "t-start", on: { click: () => start(true) } }, icon("pen", 16), "Start a post"));
    return;
  }
  const composer = composerFor({
    label: "Start a post", placeholder: "Start a post", subject: true, draft: `${look.agent}:new:${room.id}`, search: { room: room.id }, cancel: () => start(false),
    send: async (text, files, card) => {
      const taken = await post(room, text, files, card, "");
      if (taken) start(false);
      return taken;
    },
  });
  replace(foot, composer.node);
}

// Brings a message into view that a link led to.
function show(list) {
  const wanted = desk.shown;
  const node = wanted && list.querySelector(`[data-id="${CSS.escape(wanted)}"]`);
  if (!node) return;
  desk.shown = "";
  list.letGo();
  requestAnimationFrame(() => {
    node.scrollIntoView({ block: "center" });
    node.classList.add("shown");
    node.addEventListener("animationend", () => node.classList.remove("shown"), { once: true });
  });
}
