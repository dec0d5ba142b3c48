// The Markdown that a TextBlock knows, drawn as text nodes: bold, italic, struck, links, lists; nothing else of it.
import { h, link } from "../dom.js";

// Nothing is looked for beyond this many characters, so that a long text full of stars stays quick.
const REACH = 2000;
const INSIDE = `(?:\\\\.|[^\\\\]){0,${REACH}}?`;
const TOKEN = new RegExp([
  String.raw`\\([\\${"`"}*_{}\[\]()#+\-.!~<>|&])`,
  String.raw`\[((?:\\.|[^\]\\]){0,500})\]\(((?:\\.|\([^()\s]*\)|[^()\s\\]){0,${REACH}})\)`,
  String.raw`(\*\*|(?<![\p{L}\p{N}])__)(?=\S)(${INSIDE}\S)\4`,
  String.raw`(\*|(?<![\p{L}\p{N}])_)(?=\S)(${INSIDE}[^\s*_])\6(?![\p{L}\p{N}])`,
  String.raw`~~(?=\S)(${INSIDE}\S)~~`,
  String.raw`&(amp|lt|gt|quot|nbsp|#39);`,
  String.raw`<at>([^<]{1,200})</at>`,
].join("|"), "su");
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: "\u00a0", "#39": "'" };
const ITEM = /^(\s*)(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/s;

// `people` are the names that the card's own entities mention.
export function markdown(text, people = new Set()) {
  const made = [];
  let lines = [];
  const flush = () => {
    if (lines.length) made.push(h("p", {}, lines.flatMap((line, at) => [at ? h("br") : null, inline(line, people)])));
    lines = [];
  };
  let list = null;
  for (const line of macros(String(text ?? "")).replace(/\r\n?/g, "\n").split("\n")) {
    const item = ITEM.exec(line);
    if (item) {
      flush();
      const ordered = Boolean(item[3]);
      if (!list || (list.tagName === "OL") !== ordered) {
        list = h(ordered ? "ol" : "ul", { start: ordered && item[3] !== "1" ? Number(item[3]) : null });
        made.push(list);
      }
      list.append(h("li", {}, inline(item[4], people)));
      continue;
    }
    list = null;
    if (line.trim()) lines.push(line);
    else flush();
  }
  flush();
  return made;
}

export function inline(text, people = new Set()) {
  const made = [];
  let left = text;
  for (let found = TOKEN.exec(left); found; found = TOKEN.exec(left)) {
    if (found.index) made.push(left.slice(0, found.index));
    made.push(token(found, people));
    left = left.slice(found.index + found[0].length);
  }
  if (left) made.push(left);
  return made;
}

function token([whole, escaped, label, url, , bold, , italic, struck, entity, named], people) {
  if (escaped) return escaped;
  // An address that opens no page makes no link: the words stay as they were written.
  if (url !== undefined && !/^(https?|mailto):/i.test(url)) return whole;
  if (url !== undefined) return link(url.replace(/\\(.)/g, "$1"), inline(label, people));
  if (bold) return h("strong", {}, inline(bold, people));
  if (italic) return h("em", {}, inline(italic, people));
  if (struck) return h("s", {}, inline(struck, people));
  if (entity) return ENTITIES[entity];
  return people.has(named) ? h("span", { class: "t-mention" }, named) : whole;
}

// Clients put dates in the reader's own words, in TextBlocks and TextRuns alike.
export function macros(text) {
  return String(text ?? "").replace(/\{\{(DATE|TIME)\(([^),]{10,40})(?:,\s*(COMPACT|SHORT|LONG))?\)\}\}/gi, (whole, kind, when, style) => {
    const date = new Date(when.trim());
    if (Number.isNaN(date.getTime())) return whole;
    if (kind.toUpperCase() === "TIME") return new Intl.DateTimeFormat(undefined, { timeStyle: "short" }).format(date);
    const dateStyle = { SHORT: "medium", LONG: "full" }[(style || "").toUpperCase()] || "short";
    return new Intl.DateTimeFormat(undefined, { dateStyle }).format(date);
  });
}
