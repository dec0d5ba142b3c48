// The workspace: its rooms, who looks at it, and the room or home tab that she has open.
import { appIcon, face } from "./avatar.js";
import { composerFor } from "./composer.js";
import { h, reconcile, replace, stickToEnd } from "./dom.js";
import { typed } from "./editor.js";
import { drawHome } from "./home.js";
import { icon } from "./icons.js";
import { act, interact } from "./live.js";
import { drawMessage, rows } from "./message.js";
import { byTs, changed, firstName, go, isReply, markRead, nameOf, on, placeOf, readMark, shownIn, ui, world } from "./store.js";
import { drawThread } from "./thread.js";
import { dayName } from "./words.js";

const at = (id) => document.getElementById(id);

export function begin() {
  on("slack ui page", draw);
  addEventListener("focus", () => changed("ui"));
}

function draw() {
  if (!world.ready) return;
  const agents = world.page.agents;
  if (!agents.includes(ui.agent)) ui.agent = agents[0] || "";
  drawAgents(agents);
  drawSidebar();
  drawPane();
  drawThread();
}

// How many messages by others wait in a place for an agent.
export function unread(agent, channel) {
  const mark = readMark(agent, channel.id);
  let number = 0;
  for (const message of channel.messages.values()) {
    if (message.ts > mark && message.user !== agent && !message.subtype?.includes("_join") && !(isReply(message) && message.ts <= readMark(agent, message.thread_ts))) number += 1;
  }
  return number;
}

const waiting = (agent) => world.page.rooms.reduce((sum, id) => sum + (world.channels.has(id) ? unread(agent, world.channels.get(id)) : 0), 0);

function drawAgents(agents) {
  const box = at("agents");
  reconcile(box, agents.map((id) => {
    const number = id === ui.agent ? 0 : waiting(id);
    return { key: id, version: `${id === ui.agent}${number}${nameOf(id)}`, id, number };
  }), ({ id, number }) => h("button", { type: "button", class: "agent", role: "tab", "aria-selected": String(id === ui.agent), title: `Answer as ${nameOf(id)}`, on: { click: () => { ui.agent = id; ui.editing = null; changed("ui", "slack"); } } }, face(id, 26), h("span", {}, firstName(id)), number > 0 && h("span", { class: "badge" }, number > 99 ? "99+" : number)));
}

function drawSidebar() {
  at("team-name").textContent = world.team.name || "Workspace";
  const place = placeOf();
  const rooms = [...world.channels.values()].filter((channel) => channel.name && !channel.is_im);
  const order = (id) => (world.page.rooms.includes(id) ? world.page.rooms.indexOf(id) : Infinity);
  rooms.sort((one, other) => (order(one.id) === order(other.id) ? one.name.localeCompare(other.name) : order(one.id) - order(other.id)));
  const entries = [
    { key: "head", version: "", draw: () => h("h3", {}, icon("down", 14), "Channels") },
    ...rooms.map((channel) => {
      const open = !place.home && place.room === channel.id;
      const number = open ? 0 : unread(ui.agent, channel);
      return { key: channel.id, version: `${ui.agent}${open}${number}${channel.name}${channel.is_archived}`, draw: () => room(channel, open, number) };
    }),
    { key: "people", version: "", draw: () => h("h3", {}, icon("down", 14), "People") },
    ...world.page.agents.map((id) => ({ key: `p${id}`, version: `${id === ui.agent}${nameOf(id)}`, draw: () => h("div", { class: "side-row member" }, face(id, 20), h("span", {}, nameOf(id)), id === ui.agent && h("small", {}, "you"), h("i", { class: "presence" })) })),
    { key: "apps", version: "", draw: () => h("h3", {}, icon("down", 14), "Apps") },
    { key: "home", version: `${ui.agent}${place.home}`, draw: () => h("button", { type: "button", class: "side-row", "aria-current": place.home ? "page" : null, on: { click: openHome } }, appIcon(20), h("span", {}, nameOf(world.app.bot_user_id))) },
  ];
  reconcile(at("rooms"), entries, (entry) => entry.draw());
}

function room(channel, open, number) {
  return h("button", { type: "button", class: number ? "side-row unread" : "side-row", "aria-current": open ? "page" : null, data: { room: channel.id }, on: { click: () => go({ room: channel.id, thread: open ? placeOf().thread : "", home: false }) } }, icon(channel.is_private ? "lock" : "hash", 17), h("span", {}, channel.name), channel.is_archived && h("small", {}, "archived"), number > 0 && h("span", { class: "badge" }, number > 99 ? "99+" : number));
}

export function openHome() {
  go({ home: true, thread: "" });
  act(ui.agent, "agent.home");
}

let shown = "";
let newFrom = "";

function drawPane() {
  const place = placeOf();
  at("team").classList.toggle("thread-open", Boolean(place.thread) && !place.home);
  if (place.home) {
    shown = "";
    drawHome();
    return;
  }
  const channel = world.channels.get(place.room);
  const key = `${ui.agent}:${place.room}`;
  const box = at("pane");
  if (!channel) {
    shown = "";
    replace(box, h("div", { class: "empty" }, h("p", {}, "No room is open. Choose one on the left.")));
    return;
  }
  const messages = [...shownIn(channel), ...world.ephemerals.filter((entry) => entry.to === ui.agent && entry.channel === channel.id && !entry.thread_ts)].sort(byTs);
  const visible = !document.hidden && at("team").offsetParent;
  if (shown !== key) {
    shown = key;
    const mark = readMark(ui.agent, channel.id);
    newFrom = mark ? messages.find((message) => message.ts > mark && message.user !== ui.agent)?.ts || "" : "";
    replace(box, head(channel), stickToEnd(h("div", { class: "messages", id: "messages", role: "log", "aria-label": `Messages in ${channel.name}`, tabindex: "0" })), h("div", { class: "foot", id: "pane-foot" }));
    drawFoot(channel);
  }
  const list = at("messages");
  const items = rows(messages, { channel, unreadFrom: newFrom });
  items.unshift({ key: "welcome", version: channel.name, welcome: channel });
  reconcile(list, items, drawRow);
  const foot = at("pane-foot");
  if (foot.dataset.archived !== String(Boolean(channel.is_archived))) drawFoot(channel);
  const last = [...channel.messages.keys()].sort().at(-1);
  if (visible && last && markRead(ui.agent, channel.id, last)) changed("ui");
}

export function drawRow(row) {
  if (row.day) return h("div", { class: "day", role: "separator" }, h("span", {}, dayName(row.day)));
  if (row.isNew) return h("div", { class: "new-line", role: "separator" }, h("span", {}, "New"));
  if (row.welcome) return h("div", { class: "welcome" }, h("div", { class: "welcome-mark" }, icon("hash", 30)), h("h2", {}, `#${row.welcome.name}`), h("p", {}, "This is the very beginning of the room. When a customer writes, the conversation opens here; answer in its thread, and she reads it where she wrote."));
  return drawMessage(row);
}

function head(channel) {
  const members = (channel.members || []).filter((id) => world.users.has(id) && !world.users.get(id).is_bot);
  return h("header", { class: "pane-head" }, h("h2", {}, icon(channel.is_private ? "lock" : "hash", 18), channel.name), h("span", { class: "topic", dir: "auto" }, channel.topic?.value || ""), h("span", { class: "members" }, members.slice(0, 3).map((id) => face(id, 22)), h("b", {}, members.length)));
}

function drawFoot(channel) {
  const foot = at("pane-foot");
  foot.dataset.archived = String(Boolean(channel.is_archived));
  if (channel.is_archived) {
    replace(foot, h("div", { class: "archived" }, icon("lock", 15), "This channel is archived. Nobody can post in it."));
    return;
  }
  const composer = composerFor({
    label: `Message #${channel.name}`,
    placeholder: `Message #${channel.name}`,
    draft: `${ui.agent}:${channel.id}`,
    send: (text, files) => post(channel.id, text, files),
  });
  replace(foot, composer.node);
}

// Posts, or runs a command; resolves to whether Slack took it.
export async function post(channel, text, files, more = {}) {
  const command = /^(\/[a-z][\w-]*)(?:\s+([\s\S]*))?$/.exec(text.trim());
  if (command && !more.thread_ts && !files.length && world.page.commands.includes(command[1])) {
    return (await interact(ui.agent, "agent.slash", { command: command[1], text: command[2] || "", channel })) !== undefined;
  }
  return (await act(ui.agent, "agent.post", { channel, text: typed(text), ...more }, files)) !== undefined;
}

