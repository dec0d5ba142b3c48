// Draws Slack's rich_text blocks.
import { pictureOfElement } from "./emoji.js";
import { h, link } from "./dom.js";
import { nameOf, ui, world } from "./store.js";
import { inTeams, opened } from "./teams/links.js";

export function richText(block, where) {
  return h("div", { class: "rich" }, block.elements.map((piece) => drawPiece(piece, where)));
}

function drawPiece(piece, where) {
  switch (piece.type) {
    case "rich_text_list": {
      const ordered = piece.style === "ordered";
      const list = h(ordered ? "ol" : "ul", { class: `indent-${Math.min(piece.indent || 0, 4)}`, start: ordered && piece.offset ? piece.offset + 1 : null });
      list.append(...piece.elements.map((item) => h("li", { dir: "auto" }, inlines(item.elements, where))));
      return list;
    }
    case "rich_text_quote":
      return h("blockquote", { dir: "auto" }, inlines(piece.elements, where));
    case "rich_text_preformatted":
      return h("pre", { dir: "auto" }, inlines(piece.elements, where));
    default: {
      const big = piece.elements.length <= 23 && piece.elements.every((entry) => entry.type === "emoji" || (entry.type === "text" && !entry.text.trim()));
      return h("div", { class: big && piece.elements.some((entry) => entry.type === "emoji") ? "section big" : "section", dir: "auto" }, inlines(piece.elements, where));
    }
  }
}

export function inlines(elements, where) {
  return elements.map((element) => styled(drawInline(element, where), element.style));
}

function drawInline(element, where) {
  switch (element.type) {
    case "text":
      return element.text;
    case "link":
      return inner(element.url, element.text || element.url, where);
    case "emoji": {
      const picture = pictureOfElement(element);
      return h("span", { class: "emoji", title: `:${element.name}:`, role: "img", "aria-label": element.name }, picture || `:${element.name}:`);
    }
    case "user":
      return mention(element.user_id);
    case "channel":
      return channelLink(element.channel_id, where);
    case "usergroup":
      return h("span", { class: "mention" }, `@${element.usergroup_id}`);
    case "broadcast":
      return h("span", { class: "mention loud" }, `@${element.range}`);
    case "color":
      return h("span", {}, h("span", { class: "swatch", vars: { "--swatch": /^#[0-9a-f]{3,8}$/i.test(element.value) ? element.value : "gray" } }), element.value);
    case "date":
      return h("time", {}, element.fallback || new Date(element.timestamp * 1000).toLocaleString());
    default:
      return element.text || "";
  }
}

function styled(node, style) {
  if (!style) return node;
  let made = node;
  if (style.code) made = h("code", {}, made);
  if (style.strike) made = h("s", {}, made);
  if (style.underline) made = h("u", {}, made);
  if (style.italic) made = h("em", {}, made);
  if (style.bold) made = h("strong", {}, made);
  return made;
}

export function mention(id) {
  return h("span", { class: id === ui.agent ? "mention me" : "mention" }, `@${nameOf(id)}`);
}

export function channelLink(id, where) {
  const name = world.channels.get(id)?.name || id;
  return h("a", { class: "mention", href: "#", on: { click: (event) => { event.preventDefault(); where?.open?.({ room: id, thread: "", home: false }); } } }, `#${name}`);
}

// A permalink of this workspace opens here; everything else in a tab of its own.
export function inner(url, label, where) {
  const found = permalink(url);
  if (where?.open && !found && inTeams(url)) return h("a", { href: "#", on: { click: (event) => { event.preventDefault(); opened(url); } } }, label);
  if (!found || !where?.open) return link(url, label);
  return h("a", { href: "#", on: { click: (event) => { event.preventDefault(); where.open(found); } } }, label);
}

export function permalink(url) {
  const base = world.page.slack_url;
  if (!base || !url.startsWith(`${base}/archives/`)) return null;
  const found = /^\/archives\/([A-Z0-9]+)\/p(\d{10})(\d{6})/.exec(url.slice(base.length));
  if (!found) return null;
  const root = new URL(url).searchParams.get("thread_ts");
  return { room: found[1], thread: root || `${found[2]}.${found[3]}`, home: false };
}
