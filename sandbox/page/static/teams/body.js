// What one message holds: its words, cards, pictures and files.
import { drawCard } from "../cards/card.js";
import { h, link } from "../dom.js";
import { icon } from "../icons.js";
import { size } from "../words.js";
import { drawHtml } from "./html.js";
import { nameOf } from "./store.js";

const CARD = "application/vnd.microsoft.card.adaptive";
const SIMPLE_CARDS = new Set(["application/vnd.microsoft.card.hero", "application/vnd.microsoft.card.thumbnail"]);
const LONG = 1600;

export function drawBody(message, where) {
  const made = [];
  if (message.html) made.push(h("div", { class: "t-words", dir: "auto" }, drawHtml(message.html, { me: nameOf(where.agent), pictures: (id) => message.pictures.get(id) || "" })));
  else if (message.text) made.push(h("div", { class: "t-words plain", dir: "auto" }, message.text));
  for (const attachment of message.attachments) made.push(drawAttachment(attachment, where));
  if (message.text.length > LONG) fold(made, where);
  return made;
}

export function drawAttachment(attachment, where) {
  const { type, content } = attachment;
  if (type === CARD) return drawCard(content, where);
  if (SIMPLE_CARDS.has(type)) return simpleCard(content, where);
  if (attachment.picture) return h("figure", { class: "t-picture" }, h("a", { href: attachment.picture, target: "_blank", rel: "noopener" }, h("img", { src: attachment.picture, alt: attachment.name || "Picture", loading: "lazy" })));
  if (attachment.file) return h("a", { class: "t-file", href: attachment.file, target: "_blank", rel: "noopener", download: attachment.name || true }, h("span", { class: "t-file-icon" }, icon("file", 20)), h("span", {}, h("strong", { dir: "auto" }, attachment.name || "File"), attachment.size ? h("small", {}, size(attachment.size)) : null));
  return h("div", { class: "card-unknown" }, icon("clip", 14), h("span", {}, `${attachment.name || "Something"} of type “${type}”, which this page does not draw.`));
}

function simpleCard(content, where) {
  const picture = (content?.images || [])[0]?.url || "";
  return h("div", { class: "card simple" }, h("div", { class: "card-body" },
    /^data:image\/(png|jpeg|gif|webp);/.test(picture) && h("img", { src: picture, alt: "" }),
    content?.title && h("strong", { dir: "auto" }, content.title), content?.subtitle && h("small", { dir: "auto" }, content.subtitle), content?.text && h("p", { dir: "auto" }, content.text),
    (content?.buttons || []).map((button) => (button.type === "openUrl" ? link(button.value || "", button.title || "") : h("span", { class: "muted" }, button.title || ""))), where.note));
}

// Long words are folded; what was opened stays open when the message is drawn again.
function fold(made, where) {
  const words = made[0];
  const open = where.unfolded?.has(where.key);
  words.classList.toggle("folded", !open);
  const more = h("button", { type: "button", class: "t-link", "aria-expanded": String(Boolean(open)) }, open ? "See less" : "See more");
  more.addEventListener("click", () => {
    const folded = words.classList.toggle("folded");
    if (folded) where.unfolded.delete(where.key);
    else where.unfolded.add(where.key);
    more.textContent = folded ? "See more" : "See less";
    more.setAttribute("aria-expanded", String(!folded));
  });
  made.splice(1, 0, more);
}
