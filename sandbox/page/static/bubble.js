// One message on the phone: words with their entities, media, buttons, reactions.
import { h, iconButton, link } from "./dom.js";
import { icon } from "./icons.js";
import { clock, size } from "./words.js";
import { onlyEmoji } from "./emoji.js";

// `business` is what the app calls us; `mark` is how it shows that her message was seen.
export function bubble(message, { tail, first, replied, business, mark, keys, more, press }) {
  const mine = !message.from_bot;
  const big = message.kind === "text" && !message.files.length && !replied && onlyEmoji(message.text) && !message.entities?.length;
  const inside = h("div", { class: "bubble" },
    replied && h("div", { class: "bubble-reply" }, h("b", {}, replied.from_bot ? business : "You"), h("span", { dir: "auto" }, message.quote || summary(replied))),
    message.files.map((file) => attached(file, message)),
    shared(message),
    message.cards.map((card) => h("div", { class: "bubble-card" }, h("strong", {}, card.title), card.subtitle && h("span", {}, card.subtitle))),
    message.text && h("div", { class: "bubble-text", dir: "auto" }, entities(message.text, message.entities || addresses(message.text))),
    h("span", { class: "bubble-meta" }, reactions(message), message.edited && "edited ", clock(new Date(message.date)), mine && ticks(message, mark)));
  const classes = ["bubble-row", mine ? "mine" : "theirs", tail && "tail", first && "first", big && "big"];
  return h("div", { class: classes.filter(Boolean).join(" "), data: { message: message.message_id } }, h("div", { class: "bubble-box" }, inside, keys && keyboard(message, press)), more && iconButton(icon("more", 18), "Message actions", (event) => more(event.currentTarget), { class: "bubble-more" }));
}

// What stands for a message in a quote.
export const summary = (message) => message.text || message.files[0]?.name || message.cards[0]?.title || message.files[0]?.kind || message.kind;

function ticks(message, mark) {
  if (!mark) return null;
  if (mark !== "ticks") return h("span", { class: "seen" }, mark);
  return h("span", { class: message.seen ? "ticks seen" : "ticks", "aria-label": message.seen ? "Seen" : "Sent" }, "✓✓");
}

function reactions(message) {
  const list = message.reactions;
  return list.length ? h("span", { class: "bubble-reactions" }, list.map((emoji) => h("span", {}, emoji.length === 1 ? `${emoji}\ufe0f` : emoji))) : null;
}

function attached(file, message) {
  if (file.kind === "photo") return h("a", { class: "bubble-photo", href: file.url, target: "_blank", rel: "noopener" }, h("img", { src: file.url, alt: message.text || file.name || "Photo", loading: "lazy" }));
  if (file.kind === "voice") return h("div", { class: "bubble-voice" }, h("span", { class: "play" }, icon("mic", 18)), h("span", { class: "wave" }, [5, 9, 14, 8, 16, 11, 6, 13, 18, 10, 7, 15, 9, 5, 12, 8, 4].map((height) => h("i", { vars: { "--h": `${height}px` } }))), h("small", {}, file.name || "0:01"));
  return h("a", { class: "bubble-file", href: file.url, target: "_blank", rel: "noopener", download: file.name || true }, h("span", { class: "file-icon" }, icon("file", 20)), h("span", {}, h("strong", {}, file.name || "File"), h("small", {}, size(file.size))));
}

function shared(message) {
  const { kind, details } = message;
  if (kind === "location") return h("div", { class: "bubble-place" }, icon("pin", 26), h("span", {}, details?.name || details?.title || "Location", h("small", {}, `${Number(details?.latitude).toFixed(4)}, ${Number(details?.longitude).toFixed(4)}`)));
  if (kind === "contact") return h("div", { class: "bubble-place" }, icon("people", 24), h("span", {}, details?.first_name || "Contact", h("small", {}, details?.phone_number || "")));
  return null;
}

// What a phone makes a link of by itself.
function addresses(text) {
  return [...text.matchAll(/https?:\/\/[^\s<>"]*[^\s<>".,;:!?)]/g)].map((found) => ({ type: "url", offset: found.index, length: found[0].length }));
}

function keyboard(message, press) {
  if (!message.buttons?.length) return null;
  return h("div", { class: "keyboard" }, message.buttons.map((row) => h("div", {}, row.map((button) => (button.url ? link(button.url, button.text, { class: "key" }) : h("button", { type: "button", class: "key", on: { click: () => press(button.callback_data) } }, button.text))))));
}

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote", expandable_blockquote: "blockquote" };

// Entities nest like brackets; offsets count UTF-16 units, as JavaScript does.
function entities(text, list, from = 0, to = text.length) {
  const made = [];
  let at = from;
  const inside = list.filter((entity) => entity.offset >= from && entity.offset + entity.length <= to).sort((one, other) => one.offset - other.offset || other.length - one.length);
  inside.forEach((entity, number) => {
    if (entity.offset < at) return;
    const end = entity.offset + entity.length;
    if (entity.offset > at) made.push(text.slice(at, entity.offset));
    const content = entities(text, inside.slice(number + 1), entity.offset, end);
    made.push(wrap(entity, content, text.slice(entity.offset, end)));
    at = end;
  });
  if (at < to) made.push(text.slice(at, to));
  return made;
}

function wrap(entity, content, words) {
  if (entity.type === "text_link") return link(entity.url, words);
  if (entity.type === "url") return link(/^[a-z]+:/i.test(words) ? words : `https://${words}`, words);
  if (entity.type === "email") return link(`mailto:${words}`, words);
  if (entity.type === "spoiler") return h("span", { class: "spoiler", tabindex: "0" }, content);
  return h(TAGS[entity.type] || "span", { class: TAGS[entity.type] ? null : "hashtag" }, content);
}
