// The rail and the list beside it: teams with their channels, and the chat with the app.
import { appIcon } from "../avatar.js";
import { h, reconcile } from "../dom.js";
import { icon } from "../icons.js";
import { hue, initials } from "../words.js";
import { desk, go, look, placeOf, unreadInChat, unreadInRoom } from "./store.js";

const at = (id) => document.getElementById(id);
const number = (count) => (count > 99 ? "99+" : String(count));

export function teamMark(team, size = 24) {
  return h("span", { class: "t-team-mark", vars: { "--size": `${size}px`, "--hue": hue(team.name) }, "aria-hidden": "true" }, initials(team.name));
}

export function waitingFor(agent) {
  return desk.page.rooms.reduce((sum, id) => sum + (desk.rooms.has(id) ? unreadInRoom(agent, desk.rooms.get(id)) : 0), 0) + unreadInChat(agent);
}

export function drawRail() {
  const place = placeOf();
  const rooms = [...desk.rooms.values()].reduce((sum, room) => sum + unreadInRoom(look.agent, room), 0);
  const entries = [
    { key: "chat", title: "Chat", picture: "thread", open: place.view === "chat", count: unreadInChat(look.agent), run: () => leave({ view: "chat" }) },
    { key: "room", title: "Teams", picture: "people", open: place.view === "room", count: place.view === "room" ? 0 : rooms, run: () => leave({ view: "room" }) },
  ];
  reconcile(at("t-rail"), entries.map((entry) => ({ ...entry, version: `${entry.open}${entry.count}` })), ({ key, title, picture, open, count, run }) => h("button", { type: "button", "aria-current": open ? "page" : null, "aria-label": count > 0 ? `${title}, ${count} new` : title, data: { view: key }, on: { click: run } }, h("span", { class: "t-rail-icon" }, icon(picture, 20), count > 0 && h("b", { class: "t-badge" }, number(count))), h("span", {}, title)));
}

export function drawList() {
  const place = placeOf();
  const order = (id) => (desk.page.rooms.includes(id) ? desk.page.rooms.indexOf(id) : Infinity);
  const entries = [{ key: "chats", version: "", draw: () => h("h3", {}, "Chat") }];
  const waiting = unreadInChat(look.agent);
  const chatting = place.view === "chat";
  entries.push({ key: "chat", version: `${look.agent}${chatting}${waiting}${desk.app.name}`, draw: () => h("button", { type: "button", class: waiting ? "t-row unread" : "t-row", "aria-current": chatting ? "page" : null, on: { click: () => leave({ view: "chat" }) } }, appIcon(24, "hex"), h("span", {}, desk.app.name), waiting > 0 && h("b", { class: "t-badge" }, number(waiting))) });
  entries.push({ key: "teams", version: "", draw: () => h("h3", {}, "Teams and channels") });
  for (const team of desk.teams.values()) {
    if (team.deleted) continue;
    entries.push({ key: `team-${team.id}`, version: `${team.name}${team.installed}`, draw: () => h("div", { class: "t-team" }, teamMark(team), h("span", { dir: "auto" }, team.name), !team.installed && h("small", {}, "app removed")) });
    const rooms = [...desk.rooms.values()].filter((room) => room.team === team.id);
    rooms.sort((one, other) => (order(one.id) === order(other.id) ? one.name.localeCompare(other.name) : order(one.id) - order(other.id)));
    for (const room of rooms) {
      const open = place.view === "room" && place.room === room.id;
      const count = open ? 0 : unreadInRoom(look.agent, room);
      entries.push({ key: room.id, version: `${look.agent}${open}${count}${room.name}${room.deleted}`, draw: () => h("button", { type: "button", class: ["t-row t-channel", count && "unread", room.deleted && "gone"].filter(Boolean).join(" "), "aria-current": open ? "page" : null, data: { room: room.id }, on: { click: () => leave({ view: "room", room: room.id }) } }, h("span", { dir: "auto" }, room.name), room.deleted && h("small", {}, "deleted"), count > 0 && h("b", { class: "t-badge" }, number(count))) });
    }
  }
  reconcile(at("t-list"), entries, (entry) => entry.draw());
}

// On a narrow screen the list lies over the pane until something is chosen.
function leave(place) {
  at("teams").classList.remove("listing");
  go(place);
}
