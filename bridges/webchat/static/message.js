// Draws one message: bubble, quote, files, choices, reactions, and what can be done with it.

import { el, icon, iconButton } from "./dom.js";
import { drawBody, isJumbo } from "./richtext.js";
import { plainText } from "./store.js";

const EMOJI = ["👍", "❤️", "😄", "🎉", "🙏", "😕"];

export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0].toLocaleUpperCase()).join("") || "•";
}

export function avatar(name, url) {
  const face = el("span", { class: "avatar", "aria-hidden": "true" }, initials(name));
  if (url) {
    const image = el("img", { src: url, alt: "", referrerpolicy: "no-referrer", loading: "lazy" });
    image.addEventListener("error", () => image.remove());
    face.append(image);
  }
  return face;
}

function drawFile(file, texts) {
  if (file.problem) return el("p", { class: "file-problem" }, icon("alert"), file.problem);
  const address = file.local || file.url;
  if (!address) return el("p", { class: "file" }, icon("file"), el("span", { class: "file-name" }, file.name));
  if (file.kind === "image" && /^image\/(png|jpeg|gif|webp)$/.test(file.mime)) {
    const image = el("img", { src: address, alt: file.alt || file.name || texts.t("picture"), loading: "lazy", decoding: "async" });
    return el("a", { class: "picture", href: file.url || address, target: "_blank", rel: "noopener", title: file.name }, image);
  }
  if (file.kind === "audio" || file.kind === "voice") return el("audio", { src: address, controls: true, preload: "metadata", "aria-label": file.name });
  if (file.kind === "video") return el("video", { src: address, controls: true, preload: "metadata", "aria-label": file.name });
  return el("a", { class: "file", href: address, download: file.name, "aria-label": texts.t("download", { name: file.name }) },
    el("span", { class: "file-icon" }, icon("file")),
    el("span", { class: "file-name" }, el("bdi", {}, file.name)),
    el("span", { class: "file-size" }, el("bdi", {}, file.size ? texts.size(file.size) : "")));
}

function drawQuote(item, { texts, store, log }) {
  const quoted = item.quote && store.get(item.quote);
  if (!quoted) return null;
  const name = quoted.me ? texts.t("you") : quoted.author || texts.t("team");
  const text = quoted.deleted ? texts.t("deleted") : plainText(quoted).slice(0, 160);
  return el("button", { type: "button", class: "quoted", "aria-label": `${texts.t("quoted")}: ${name}, ${text}`, onclick: () => log.goTo(quoted.id) },
    el("span", { class: "quoted-name" }, name), el("span", { class: "quoted-text", dir: "auto" }, text));
}

function drawChoices(item, { actions, store }) {
  if (!item.choices?.length) return null;
  const later = store.list().some((other) => other.me && other.pos > item.pos);
  return el("div", { class: "choices" }, ...item.choices.map((choice) => el("button", {
    type: "button", class: "choice", dir: "auto", disabled: later, onclick: () => actions.choose(item, choice),
  }, choice.label)));
}

function drawReactions(item, { texts, actions }) {
  const entries = Object.entries(item.reactions || {});
  if (!entries.length) return null;
  return el("div", { class: "reactions" }, ...entries.map(([who, emoji]) => {
    const mine = who === "customer";
    if (!mine) return el("span", { class: "reaction", title: item.author || texts.t("team") }, emoji);
    return el("button", { type: "button", class: "reaction mine", "aria-pressed": "true", "aria-label": `${emoji} ${texts.t("you")}`, onclick: () => actions.react(item, null) }, emoji);
  }));
}

// A row of buttons that turns into emoji, or into a question, in the same place.
function drawTools(item, { texts, actions }) {
  const row = el("div", { class: "tools", role: "toolbar", "aria-label": texts.t("actions") });
  const turn = (...children) => { row.classList.add("wide"); row.replaceChildren(...children); children.find((child) => child.tagName === "BUTTON")?.focus(); };
  const usual = () => {
    const buttons = [iconButton("reply", texts.t("reply"), () => actions.reply(item))];
    if (!item.me) {
      buttons.push(iconButton("react", texts.t("react"), () => turn(...EMOJI.map((emoji) => el("button", {
        type: "button", class: "emoji", "aria-label": `${texts.t("react")}: ${emoji}`, onclick: () => { actions.react(item, emoji); back(); row.closest("li")?.focus(); },
      }, emoji)))));
    } else {
      if (item.body?.length && !item.choiceMade) buttons.push(iconButton("edit", texts.t("edit"), () => actions.edit(item)));
      buttons.push(iconButton("remove", texts.t("remove"), () => turn(
        el("span", { class: "question" }, texts.t("removeAsk")),
        el("button", { type: "button", class: "danger", onclick: () => actions.remove(item) }, texts.t("remove")),
        el("button", { type: "button", class: "plain", onclick: () => { back(); row.closest("li")?.focus(); } }, texts.t("keep")),
      )));
    }
    return buttons;
  };
  const back = () => { row.classList.remove("wide"); row.replaceChildren(...usual()); };
  row.append(...usual());
  row.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    back();
    row.closest("li")?.focus();
  });
  row.addEventListener("pointerleave", () => { if (!row.contains(document.activeElement)) back(); });
  return row;
}

export function drawMeta(item, { texts, actions }) {
  const meta = el("div", { class: "meta" });
  if (item.edited && !item.deleted) meta.append(el("span", {}, texts.t("edited")));
  meta.append(el("time", { datetime: item.at.toISOString() }, texts.time(item.at)));
  if (!item.me || item.deleted) return meta;
  const marks = { sending: "clock", failed: "alert", delivered: "checks", read: "checks" };
  const label = { sending: "sending", failed: "failed", delivered: "delivered", read: "read" }[item.status] || "sent";
  meta.append(el("span", { class: `status status-${label}` }, icon(marks[item.status] || "check"), el("span", { class: "status-text" }, texts.t(label))));
  if (item.status === "failed") {
    meta.append(
      el("button", { type: "button", class: "again", onclick: () => actions.retry(item) }, texts.t("retry")),
      el("button", { type: "button", class: "again", onclick: () => actions.discard(item) }, texts.t("discard")),
    );
    if (item.problem) meta.append(el("span", { class: "problem", dir: "auto" }, item.problem));
  }
  return meta;
}

// Everything of a message but its place in the group and its state.
export function drawMessage(item, context) {
  const { texts } = context;
  const name = item.me ? texts.t("you") : item.author || texts.t("team");
  const jumbo = !item.deleted && !item.quote && isJumbo(item.body || []) && !item.files?.length;
  const bubble = el("div", { class: jumbo ? "bubble jumbo" : "bubble" });
  if (item.deleted) bubble.append(el("p", { class: "gone" }, texts.t("deleted")));
  else {
    const files = (item.files || []).map((file) => drawFile(file, texts));
    const only = files.length && !item.body?.length && !item.quote;
    if (only && item.files.every((file) => file.kind === "image" && !file.problem)) bubble.classList.add("bare");
    const quote = drawQuote(item, context);
    if (quote) bubble.append(quote);
    if (item.body?.length) bubble.append(drawBody(item.body, texts));
    bubble.append(...files);
  }
  const column = el("div", { class: "column" },
    el("span", { class: item.me ? "hidden" : "author", dir: "auto" }, name),
    el("div", { class: "holder" }, bubble, item.deleted || item.status === "sending" || item.status === "failed" ? null : drawTools(item, context)),
    item.deleted ? null : drawReactions(item, context),
    item.deleted ? null : drawChoices(item, context));
  return el("li", { class: item.me ? "message me" : "message team", tabindex: "-1", "data-id": item.id },
    item.me ? null : avatar(name, item.avatar), column);
}
