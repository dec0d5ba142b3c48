// Finds messages of the organisation by their words, those on cards included.
import { h, replace } from "../dom.js";
import { closePopover, popover } from "../menu.js";
import { changed } from "../store.js";
import { shortWhen } from "../words.js";
import { desk, go, look, nameOf } from "./store.js";

const MOST = 12;
const DEEPEST = 30;

export function begin(button) {
  button.addEventListener("click", () => {
    const list = h("div", { class: "t-results", "aria-live": "polite" });
    const field = h("input", { class: "t-field", type: "search", placeholder: "Search messages", "aria-label": "Search messages in Teams", on: { input: () => draw(list, field.value) } });
    draw(list, "");
    popover(button, h("div", { class: "t-search" }, field, list), { label: "Search in Teams" });
  });
}

function draw(list, wanted) {
  const words = wanted.trim().toLowerCase();
  const hits = words ? find(words) : [];
  replace(list, !hits.length && h("p", { class: "muted" }, words ? "Nothing was found." : "Type a word that a customer or a colleague wrote."), hits.map(({ room, message, text }) => h("button", { type: "button", class: "t-result", on: { click: () => show(room, message) } }, h("span", { class: "t-result-words" }, h("strong", { dir: "auto" }, nameOf(message.from)), h("small", {}, `${room.name} · ${shortWhen(message.at)}`), h("span", { dir: "auto" }, text)))));
}

function show(room, message) {
  closePopover();
  go({ view: "room", room: room.id });
  look.open.add(message.root || message.id);
  desk.shown = message.id;
  changed("teams");
}

function find(words) {
  const hits = [];
  for (const room of desk.rooms.values()) {
    for (const message of room.deleted ? [] : room.messages.values()) {
      if (message.deleted) continue;
      const text = [message.text, ...message.attachments.map(({ content }) => written(content, 0))].join(" ").trim();
      if (`${nameOf(message.from)} ${text}`.toLowerCase().includes(words)) hits.push({ room, message, text });
    }
  }
  return hits.sort((one, other) => other.message.order - one.message.order).slice(0, MOST);
}

// The words that a card shows.
function written(node, depth) {
  if (Array.isArray(node)) return node.map((entry) => written(entry, depth + 1)).join(" ");
  if (!node || typeof node !== "object" || depth > DEEPEST) return "";
  return [typeof node.text === "string" ? node.text : "", ...["body", "items", "columns", "inlines", "rows", "cells", "facts"].map((name) => written(node[name], depth + 1))].filter(Boolean).join(" ");
}
