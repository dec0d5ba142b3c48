// Draws Block Kit: the blocks of messages, modals and the home tab.
import { control, press } from "./elements.js";
import { h, link } from "./dom.js";
import { icon } from "./icons.js";
import { mrkdwn, textObject } from "./mrkdwn.js";
import { inlines, richText } from "./richtext.js";
import { world } from "./store.js";

// `where` knows how a press is told, and where links inside the workspace lead.
export function drawBlocks(blocks, where) {
  return (blocks || []).map((block) => {
    const made = (BLOCKS[block.type] || unknown)(block, where);
    made.classList.add("block", `block-${block.type}`);
    made.dataset.block = block.block_id || "";
    return made;
  });
}

const BLOCKS = {
  section(block, where) {
    const words = h("div", { class: "section-words" });
    if (block.text) words.append(h("div", { class: "mrkdwn", dir: "auto" }, textObject(block.text, where)));
    if (block.fields) words.append(h("div", { class: "fields" }, block.fields.map((field) => h("div", { class: "mrkdwn", dir: "auto" }, textObject(field, where)))));
    return h("div", {}, words, block.accessory && h("div", { class: "accessory" }, element(block, block.accessory, where)));
  },
  header: (block) => h("div", { role: "heading", "aria-level": "3", dir: "auto" }, textObject(block.text)),
  divider: () => h("div", {}, h("hr", {})),
  context: (block, where) => h("div", {}, block.elements.map((entry) => entry.type === "image" ? image(entry, "context-image") : h("span", { class: "mrkdwn", dir: "auto" }, textObject(entry, where)))),
  image: (block) => h("div", {}, block.title && h("div", { class: "image-title" }, textObject(block.title)), image(block, "block-picture")),
  actions: (block, where) => h("div", {}, block.elements.map((entry) => element(block, entry, where))),
  context_actions: (block, where) => h("div", {}, block.elements.map((entry) => element(block, entry, where))),
  rich_text: (block, where) => h("div", {}, richText(block, where)),
  markdown: (block) => h("div", { class: "mrkdwn", dir: "auto" }, block.text),
  input(block, where) {
    const made = control(block, block.element, where);
    const label = h("label", { class: "input-label", for: made.control.id }, textObject(block.label), block.optional && h("span", { class: "optional" }, " (optional)"));
    return h("div", {}, label, made.node, h("div", { class: "input-error", role: "alert" }), block.hint && h("div", { class: "input-hint" }, textObject(block.hint)));
  },
  table: (block, where) => h("div", {}, h("table", {}, block.rows.map((row, number) => h("tr", {}, row.map((cell) => h(number ? "td" : "th", {}, cell.type === "rich_text" ? cell.elements.flatMap((piece) => inlines(piece.elements, where)) : String(cell.text ?? cell.value ?? ""))))))),
  alert: (block, where) => h("div", { class: `alert-${block.level || "default"}` }, textObject(block.text, where)),
  container: (block, where) => h("div", {}, drawBlocks(block.child_blocks, where)),
  video: (block) => h("div", {}, link(block.title_url || block.video_url, block.title.text)),
};

function unknown(block) {
  return h("div", {}, h("span", { class: "muted" }, `A block of type “${block.type}”, which this page does not draw.`));
}

function element(block, entry, where) {
  if (entry.type === "image") return image(entry, "accessory-image");
  if (entry.type === "button") return button(block, entry, where);
  if (entry.type === "overflow") return overflow(block, entry, where);
  const made = control(block, entry, where);
  const tell = () => press(where, block, entry, made.read());
  made.control.addEventListener(entry.type.endsWith("_text_input") ? "blur" : "change", tell);
  return made.node;
}

function button(block, entry, where) {
  const style = entry.style === "primary" ? "primary" : entry.style === "danger" ? "danger" : "";
  const made = h("button", { type: "button", class: `btn ${style}`, "aria-label": entry.accessibility_label || null, data: { action: entry.action_id } }, textObject(entry.text));
  made.addEventListener("click", async () => {
    if (entry.url && where.openUrl) where.openUrl(entry.url);
    made.classList.add("busy");
    made.disabled = true;
    await press(where, block, entry, undefined);
    made.classList.remove("busy");
    made.disabled = false;
  });
  return made;
}

function overflow(block, entry, where) {
  const made = h("button", { type: "button", class: "btn", "aria-label": "More" }, icon("more"));
  made.addEventListener("click", async () => {
    const { menu } = await import("./menu.js");
    menu(made, entry.options.map((option) => ({ title: option.text.text, run: () => press(where, block, entry, option.value) })));
  });
  return made;
}

// Pictures of this workspace are shown; those elsewhere on the network are named, for nothing is fetched from there.
export function image(entry, style) {
  const id = entry.slack_file?.id || /\/files-pri\/[A-Z0-9]+-(F[A-Z0-9]+)/.exec(entry.image_url || "")?.[1];
  const own = (entry.image_url || "").startsWith(`${world.page.slack_url}/`) && !id ? entry.image_url : null;
  if (id) return h("img", { class: style, src: `/file/slack/${encodeURIComponent(id)}`, alt: entry.alt_text || "", loading: "lazy" });
  return own ? h("span", { class: "muted" }, entry.alt_text) : h("span", { class: "muted" }, icon("image", 15), " ", link(entry.image_url || "", entry.alt_text || "Picture"));
}

export function messageBody(message, where) {
  if (message.blocks?.length) return drawBlocks(message.blocks, where);
  if (!message.text) return [];
  return [h("div", { class: "block mrkdwn", dir: "auto" }, mrkdwn(message.text, where))];
}
