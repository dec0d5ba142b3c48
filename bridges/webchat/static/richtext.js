// Draws the formatted text of a message. Whatever it holds is text: only text nodes and known elements are made.

import { el, iconButton } from "./dom.js";

const MARKS = { bold: "strong", italic: "em", strike: "s", underline: "u", code: "code" };
const SAFE = /^(https?|mailto|tel):/i;
const ADDRESS = /\bhttps?:\/\/[^\s<>"']+/gi;

function link(url, label) {
  let safe = null;
  try { safe = SAFE.test(new URL(url).protocol) ? url : null; } catch { /* Not an address: shown as text. */ }
  if (!safe) return document.createTextNode(label);
  return el("a", { href: safe, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
}

// Addresses in plain text become links that show exactly what they open.
function linked(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(/[.,;:!?)\]}»”]+$/u, "");
    parts.push(text.slice(from, match.index), link(address, address));
    from = match.index + address.length;
  }
  parts.push(text.slice(from));
  return parts;
}

function runs(list) {
  const made = document.createDocumentFragment();
  for (const run of list || []) {
    const marks = run.m || [];
    let nodes = run.u ? [link(run.u, run.s)] : marks.includes("code") ? [run.s] : linked(run.s);
    for (const mark of marks) if (MARKS[mark]) nodes = [el(MARKS[mark], {}, ...nodes)];
    if (marks.includes("spoiler")) nodes = [spoiler(nodes)];
    made.append(...nodes);
  }
  return made;
}

function spoiler(nodes) {
  const cover = el("span", { class: "spoiler", role: "button", tabindex: "0", "aria-expanded": "false" }, ...nodes);
  const reveal = () => { cover.classList.add("shown"); cover.removeAttribute("role"); cover.removeAttribute("tabindex"); };
  cover.addEventListener("click", reveal);
  cover.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); reveal(); } });
  return cover;
}

function list(items) {
  const top = el("div", { class: "lists" });
  const stack = [];
  for (const item of items) {
    const depth = Math.min(item.depth || 0, 6);
    const ordered = item.n !== null && item.n !== undefined;
    while (stack.length > depth + 1) stack.pop();
    if (stack.length === depth + 1 && stack.at(-1).ordered !== ordered) stack.pop();
    while (stack.length < depth + 1) {
      const made = el(ordered ? "ol" : "ul", { dir: "auto", start: ordered ? item.n : null });
      (stack.at(-1)?.node.lastElementChild || stack.at(-1)?.node || top).append(made);
      stack.push({ node: made, ordered });
    }
    stack.at(-1).node.append(el("li", { value: ordered ? item.n : null }, runs(item.c)));
  }
  return top;
}

function code(block, texts) {
  const copy = iconButton("copy", texts.t("copy"), async () => {
    try { await navigator.clipboard.writeText(block.s); } catch { return; }
    copy.setAttribute("aria-label", texts.t("copied"));
    copy.classList.add("done");
    setTimeout(() => { copy.setAttribute("aria-label", texts.t("copy")); copy.classList.remove("done"); }, 1500);
  });
  return el("div", { class: "code" }, el("pre", { dir: "ltr", tabindex: "-1" }, el("code", {}, block.s)), copy);
}

export function drawBody(blocks, texts) {
  const body = el("div", { class: "body" });
  for (const block of blocks) {
    if (block.t === "code") body.append(code(block, texts));
    else if (block.t === "list") body.append(list(block.items));
    else if (block.t === "quote") body.append(el("blockquote", { dir: "auto" }, runs(block.c)));
    else if (block.t === "heading") body.append(el("p", { class: "heading", dir: "auto" }, runs(block.c)));
    else body.append(el("p", { dir: "auto" }, runs(block.c)));
  }
  return body;
}

// One to three emoji alone are drawn large.
export function isJumbo(blocks) {
  if (blocks.length !== 1 || blocks[0].t !== "paragraph" || blocks[0].c.length !== 1) return false;
  const text = blocks[0].c[0].s.trim();
  return text.length <= 33 && /^(\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|\p{Emoji_Modifier}|\u200d|\ufe0f|\s)+$/u.test(text)
    && [...new Intl.Segmenter().segment(text.replace(/\s/g, ""))].length <= 3;
}
