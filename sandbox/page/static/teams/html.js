// What a person wrote, read from its HTML and built anew: known tags around text nodes, and nothing else of it.
import { h, link } from "../dom.js";

const SIMPLE = { b: "strong", strong: "strong", i: "em", em: "em", u: "u", s: "s", strike: "s", del: "s", code: "code", pre: "pre", codeblock: "pre", blockquote: "blockquote", ul: "ul", ol: "ol", li: "li", p: "p", div: "div", span: "span", br: "br", hr: "hr", table: "table", tbody: "tbody", thead: "thead", tr: "tr", td: "td", th: "th", h1: "h4", h2: "h4", h3: "h4" };
const BLOCKS = new Set(["p", "li", "blockquote", "div", "pre"]);
const SILENT = new Set(["script", "style", "title", "attachment", "template", "iframe", "object"]);
const DEEPEST = 60;

// `pictures(id)` gives an address on this page for an image, or "".
export function drawHtml(html, { me = "", pictures = () => "" } = {}) {
  // Parsed apart from the page: nothing in it runs or loads.
  const read = new DOMParser().parseFromString(String(html), "text/html");
  return children(read.body, { me, pictures }, 0);
}

function children(node, context, depth) {
  return [...node.childNodes].map((child) => draw(child, context, depth + 1)).filter((made) => made !== null);
}

function draw(node, context, depth) {
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue;
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  const tag = node.localName;
  if (SILENT.has(tag)) return null;
  if (depth > DEEPEST) return node.textContent;
  if (tag === "a") return link(node.getAttribute("href") || "", children(node, context, depth));
  if (tag === "at") return mention(node.textContent, context);
  if (tag === "span" && /schema\.skype\.com\/Mention/i.test(node.getAttribute("itemtype") || "")) return mention(node.textContent, context);
  if (tag === "emoji") return node.getAttribute("alt") || node.textContent;
  if (tag === "img") {
    const alt = node.getAttribute("alt") || "";
    if (/emoji/i.test(node.getAttribute("itemtype") || "")) return alt;
    const source = context.pictures(node.getAttribute("itemid") || "");
    return source ? h("a", { href: source, target: "_blank", rel: "noopener", class: "t-inline-picture" }, h("img", { src: source, alt, loading: "lazy" })) : h("span", { class: "muted" }, alt || "Picture");
  }
  const known = SIMPLE[tag];
  const inside = known === "br" || known === "hr" ? [] : children(node, context, depth);
  if (!known) return h("span", {}, inside);
  return h(known, { dir: BLOCKS.has(known) ? "auto" : null }, inside);
}

const mention = (name, { me }) => h("span", { class: name === me ? "t-mention me" : "t-mention" }, name);

// The same words as a person would type them again, to edit them.
export function typedAgain(html) {
  const read = new DOMParser().parseFromString(String(html), "text/html");
  return words(read.body).replace(/\n{3,}/g, "\n\n").trim();
}

const MARKS = { b: "**", strong: "**", i: "_", em: "_", s: "~~", strike: "~~", del: "~~", code: "`" };

function words(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue;
  if (node.nodeType !== Node.ELEMENT_NODE || SILENT.has(node.localName)) return "";
  const inside = [...node.childNodes].map(words).join("");
  const tag = node.localName;
  if (tag === "br") return "\n";
  if (tag === "at") return `@${inside}`;
  if (tag === "emoji") return node.getAttribute("alt") || "";
  // Pictures and what is quoted stay with the message; they are not typed again.
  if (tag === "img" || (tag === "blockquote" && node.hasAttribute("itemscope"))) return "";
  if (tag === "li") return `- ${inside.trim()}\n`;
  if (tag === "a" && node.getAttribute("href") !== inside) return `[${inside}](${node.getAttribute("href") || ""})`;
  if (tag === "blockquote") return `${inside.trim().split("\n").map((line) => `> ${line}`).join("\n")}\n`;
  if (MARKS[tag] && node.parentElement?.localName !== "pre") return inside.trim() ? MARKS[tag] + inside + MARKS[tag] : inside;
  return ["p", "div", "ul", "ol", "pre", "h1", "h2", "h3"].includes(tag) ? `${inside}\n` : inside;
}
