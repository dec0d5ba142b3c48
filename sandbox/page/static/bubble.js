// One message on the phone: words with their entities, media, buttons, reactions.
import { h, iconButton, link } from "./dom.js";
import { icon } from "./icons.js";
import { clock, size } from "./words.js";
import { onlyEmoji } from "./emoji.js";
import { world } from "./store.js";

export function bubble(message, { tail, first, replied, more, press }) {
  const mine = !message.from_bot;
  const big = message.kind === "text" && !replied && onlyEmoji(message.text) && !message.entities.length;
  const inside = h("div", { class: "bubble" },
    replied && h("div", { class: "bubble-reply" }, h("b", {}, replied.from_bot ? world.bot.first_name : "You"), h("span", { dir: "auto" }, replied.deleted ? "Deleted message" : message.quote || replied.text || replied.file_name || replied.kind)),
    media(message),
    message.text && h("div", { class: "bubble-text", dir: "auto" }, entities(message.text, message.entities)),
    h("span", { class: "bubble-meta" }, reactions(message), message.edited && "edited ", clock(new Date(message.date)), mine && h("span", { class: "ticks", "aria-label": "Sent" }, "✓✓")));
  const classes = ["bubble-row", mine ? "mine" : "theirs", tail && "tail", first && "first", big && "big"];
  return h("div", { class: classes.filter(Boolean).join(" "), data: { message: message.message_id } }, h("div", { class: "bubble-box" }, inside, keyboard(message, press)), iconButton(icon("more", 18), "Message actions", (event) => more(event.currentTarget), { class: "bubble-more" }));
}

function reactions(message) {
  const list = [message.bot_reaction, message.customer_reaction].filter(Boolean);
  return list.length ? h("span", { class: "bubble-reactions" }, list.map((emoji) => h("span", {}, emoji.length === 1 ? `${emoji}\ufe0f` : emoji))) : null;
}

function media(message) {
  const address = message.url ? `/file/telegram/${message.url.split("/").slice(-2).map(encodeURIComponent).join("/")}` : "";
  switch (message.kind) {
    case "photo": case "sticker":
      return h("a", { class: "bubble-photo", href: address, target: "_blank", rel: "noopener" }, h("img", { src: address, alt: message.text || message.kind, loading: "lazy" }));
    case "voice": case "audio":
      return h("div", { class: "bubble-voice" }, h("span", { class: "play" }, icon("mic", 18)), h("span", { class: "wave" }, [5, 9, 14, 8, 16, 11, 6, 13, 18, 10, 7, 15, 9, 5, 12, 8, 4].map((height) => h("i", { vars: { "--h": `${height}px` } }))), h("small", {}, message.kind === "voice" ? "0:01" : message.file_name));
    case "location":
      return h("div", { class: "bubble-place" }, icon("pin", 26), h("span", {}, "Location", h("small", {}, `${Number(message.details?.latitude).toFixed(4)}, ${Number(message.details?.longitude).toFixed(4)}`)));
    case "contact":
      return h("div", { class: "bubble-place" }, icon("people", 24), h("span", {}, message.details?.first_name || "Contact", h("small", {}, message.details?.phone_number || "")));
    case "document": case "video":
      return h("a", { class: "bubble-file", href: address, target: "_blank", rel: "noopener", download: message.file_name || true }, h("span", { class: "file-icon" }, icon("file", 20)), h("span", {}, h("strong", {}, message.file_name || "File"), h("small", {}, size(message.size))));
    default:
      return null;
  }
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
