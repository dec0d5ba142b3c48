// A field for formatted words, with the buttons that put Slack's marks around them.
import { grow, h, iconButton } from "./dom.js";
import { icon } from "./icons.js";
import { emojiPicker, popover, closePopover } from "./menu.js";
import { world } from "./store.js";

export function editor({ label, placeholder = "", value = "", tall = false, onInput = () => {}, onKey = () => false }) {
  const area = h("textarea", { rows: tall ? 5 : 1, placeholder, "aria-label": label, dir: "auto", value, spellcheck: "true" });
  const bar = h("div", { class: "format-bar", role: "toolbar", "aria-label": "Formatting" },
    FORMATS.map(([picture, name, apply]) => (picture ? iconButton(icon(picture, 16), name, (event) => { apply(area, event.currentTarget); changed(); }, { tabindex: "-1" }) : h("span", { class: "bar-line" }))));
  const changed = () => { grow(area, tall ? 320 : 200); onInput(area.value); };
  area.addEventListener("input", () => { suggest(area); changed(); });
  area.addEventListener("keydown", (event) => {
    const mark = (event.ctrlKey || event.metaKey) && { b: "*", i: "_" }[event.key.toLowerCase()];
    if (mark) { event.preventDefault(); wrap(area, mark); changed(); return; }
    onKey(event);
  });
  const node = h("div", { class: tall ? "editor tall" : "editor" }, bar, area);
  requestAnimationFrame(() => grow(area, tall ? 320 : 200));
  return { node, area, bar, set(text) { area.value = text; changed(); } };
}

const FORMATS = [
  ["bold", "Bold (Ctrl+B)", (area) => wrap(area, "*")],
  ["italic", "Italic (Ctrl+I)", (area) => wrap(area, "_")],
  ["strike", "Strikethrough", (area) => wrap(area, "~")],
  [null],
  ["link", "Link", (area, anchor) => askLink(area, anchor)],
  ["numbers", "Ordered list", (area) => lines(area, (at) => `${at + 1}. `)],
  ["list", "Bulleted list", (area) => lines(area, () => "- ")],
  [null],
  ["quote", "Quote", (area) => lines(area, () => "> ")],
  ["code", "Code", (area) => wrap(area, "`")],
  ["block", "Code block", (area) => wrap(area, "```")],
];

function put(area, text, from, to, selectFrom, selectTo) {
  area.focus();
  area.setRangeText(text, from, to, "end");
  if (selectFrom !== undefined) area.setSelectionRange(selectFrom, selectTo);
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function wrap(area, mark) {
  const { selectionStart: from, selectionEnd: to, value } = area;
  const chosen = value.slice(from, to);
  put(area, `${mark}${chosen}${mark}`, from, to, from + mark.length, from + mark.length + chosen.length);
}

function lines(area, prefix) {
  const from = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
  const to = area.selectionEnd;
  put(area, area.value.slice(from, to).split("\n").map((line, at) => prefix(at) + line).join("\n"), from, to);
}

export function insert(area, text) {
  put(area, text, area.selectionStart, area.selectionEnd);
}

export function insertEmoji(anchor, area) {
  emojiPicker(anchor, (emoji) => insert(area, emoji.picture));
}

function askLink(area, anchor) {
  const { selectionStart: from, selectionEnd: to } = area;
  const words = h("input", { class: "field", type: "text", value: area.value.slice(from, to).replace(/[<>|]/g, ""), "aria-label": "Text" });
  const address = h("input", { class: "field", type: "url", placeholder: "https://", "aria-label": "Link", required: true });
  const form = h("form", { class: "link-form", on: { submit: (event) => {
    event.preventDefault();
    const url = address.value.trim();
    const label = words.value.trim();
    closePopover();
    put(area, label && label !== url ? `<${url}|${label}>` : url, from, to);
  } } }, h("label", {}, "Text", words), h("label", {}, "Link", address), h("button", { class: "btn primary", type: "submit" }, "Add"));
  popover(anchor, form, { label: "Add link" });
  (words.value ? address : words).focus();
}

// "@om" offers people; the choice becomes a real mention when it is sent.
function suggest(area) {
  const found = /(?:^|\s)@([\p{L}\p{N}]*)$/u.exec(area.value.slice(0, area.selectionStart));
  const shelf = area.parentElement.querySelector(".suggestions");
  shelf?.remove();
  if (!found) return;
  const wanted = found[1].toLowerCase();
  const people = [...world.users.values()].filter((user) => !user.is_bot && !user.deleted && user.real_name.toLowerCase().startsWith(wanted)).slice(0, 5);
  if (!people.length) return;
  const pick = (user) => {
    const at = area.selectionStart;
    put(area, `@${user.real_name} `, at - found[1].length - 1, at);
    list.remove();
  };
  const list = h("div", { class: "suggestions" }, people.map((user) => h("button", { type: "button", on: { pointerdown: (event) => { event.preventDefault(); pick(user); } } }, h("strong", {}, user.real_name), ` ${user.name}`)));
  area.parentElement.append(list);
  area.addEventListener("blur", () => list.remove(), { once: true });
}

// What was typed, with names of people turned into mentions.
export function typed(text) {
  let words = text;
  for (const user of [...world.users.values()].filter((entry) => !entry.is_bot).sort((one, other) => other.real_name.length - one.real_name.length)) {
    words = words.replaceAll(`@${user.real_name}`, `<@${user.id}>`);
  }
  return words;
}
