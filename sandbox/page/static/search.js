// Finds messages of the workspace by their words.
import { h, replace } from "./dom.js";
import { closePopover, popover } from "./menu.js";
import { authorOf } from "./message.js";
import { go, isReply, world } from "./store.js";
import { textOfMessage } from "./unparse.js";
import { shortWhen, timeOf } from "./words.js";

const MOST = 12;

export function begin(button) {
  button.addEventListener("click", () => {
    const list = h("div", { class: "menu found", role: "menu" });
    const field = h("input", { class: "field", type: "search", placeholder: "Search messages", "aria-label": "Search messages", on: { input: () => draw(list, field.value) } });
    draw(list, "");
    popover(button, h("div", { class: "search" }, field, list), { label: "Search" });
  });
}

function draw(list, wanted) {
  const words = wanted.trim().toLowerCase();
  const hits = words ? find(words) : [];
  replace(list, !hits.length && h("p", { class: "muted" }, words ? "Nothing found." : "Type a word that a customer or a colleague wrote."), hits.map(({ channel, message, text }) => h("button", { type: "button", role: "menuitem", on: { click: () => { closePopover(); go({ room: channel.id, home: false, thread: isReply(message) ? message.thread_ts : message.ts }); } } }, h("span", { class: "menu-words" }, `${authorOf(message)} · #${channel.name} · ${shortWhen(timeOf(message.ts))}`, h("small", { dir: "auto" }, text.slice(0, 140))))));
}

function find(words) {
  const hits = [];
  for (const channel of world.channels.values()) {
    for (const message of channel.name ? channel.messages.values() : []) {
      const text = textOfMessage(message);
      if (`${authorOf(message)} ${text}`.toLowerCase().includes(words)) hits.push({ channel, message, text });
    }
  }
  return hits.sort((one, other) => (one.message.ts < other.message.ts ? 1 : -1)).slice(0, MOST);
}
