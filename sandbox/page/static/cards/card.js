// Draws an Adaptive Card from the JSON that was sent: elements here, fields and buttons beside.
import { h, link } from "../dom.js";
import { icon } from "../icons.js";
import { letters } from "../avatar.js";
import { complain } from "../live.js";
import { actionRow, run as runAction } from "./actions.js";
import { INPUTS } from "./inputs.js";
import { macros, markdown } from "./markdown.js";

const DEEPEST = 40;
export const lower = (value) => String(value ?? "").toLowerCase();

// `where.press(action, values)` tells the app; `where.openUrl(url)` opens an address.
export function drawCard(card, where) {
  const people = new Set((card?.msteams?.entities || []).filter((entry) => entry?.type === "mention").map((entry) => entry.mentioned?.name));
  const root = { where, people, byId: new Map(), depth: 0 };
  const box = drawBody(card, { ...root, root, inputs: [], parent: null });
  box.classList.add("card");
  if (lower(card?.msteams?.width) === "full") box.classList.add("full");
  return box;
}

// A whole card, or the one that a ShowCard opens inside another.
export function drawBody(card, context) {
  // Clients do not guess: words run from right to left where the card says so, and nowhere else.
  const box = h("div", { class: "card-body", dir: card?.rtl === true ? "rtl" : "ltr", lang: card?.lang || null });
  if (!card || typeof card !== "object" || !Array.isArray(card.body ?? [])) return says("This is no Adaptive Card that can be drawn.");
  box.append(...drawItems(card.body || [], context));
  if (card.actions?.length) box.append(actionRow(card.actions, context, { card: true }));
  if (!box.childElementCount) box.append(says(card.fallbackText || "An empty card."));
  select(box, card.selectAction, context);
  return box;
}

export function drawItems(items, context) {
  const made = (Array.isArray(items) ? items : []).map((item) => drawElement(item, context)).filter(Boolean);
  return made;
}

export function drawElement(element, context) {
  const draw = element && typeof element === "object" && (ELEMENTS[element.type] || INPUTS[element.type]);
  if (!draw || context.depth > DEEPEST) {
    if (element?.fallback === "drop") return null;
    if (element?.fallback && typeof element.fallback === "object") return drawElement(element.fallback, { ...context, depth: context.depth + 1 });
    return framed(says(`An element of type “${element?.type ?? "?"}”, which this page does not draw.`), {}, context);
  }
  const node = draw(element, { ...context, depth: context.depth + 1 });
  return framed(node, element, context);
}

function framed(node, element, context) {
  node.classList.add("card-item", `gap-${lower(element.spacing || "default")}`);
  if (element.separator) node.classList.add("separated");
  if (lower(element.height) === "stretch") node.classList.add("stretched");
  if (element.isVisible === false) node.hidden = true;
  if (element.id) {
    node.dataset.id = element.id;
    context.root.byId.set(element.id, node);
  }
  return node;
}

export function says(sentence) {
  return h("div", { class: "card-unknown" }, icon("eye", 14), h("span", {}, sentence));
}

const looks = (piece) => [
  piece.size && `size-${lower(piece.size)}`, piece.weight && `weight-${lower(piece.weight)}`, piece.color && `ink-${lower(piece.color)}`,
  piece.isSubtle && "subtle", lower(piece.fontType) === "monospace" && "mono",
].filter(Boolean).join(" ");
const aligned = (piece) => (piece.horizontalAlignment ? ` to-${lower(piece.horizontalAlignment)}` : "");
const pixels = (value) => (/^\d{1,4}(\.\d+)?px$/.test(value || "") ? value : null);

const ELEMENTS = {
  TextBlock(element, context) {
    const heading = lower(element.style) === "heading";
    const node = h("div", { class: `card-text ${looks(element)}${aligned(element)}`, role: heading ? "heading" : null, "aria-level": heading ? "4" : null }, markdown(element.text, context.root.people));
    if (heading) node.classList.add("heading");
    if (!element.wrap) node.classList.add("one-line");
    else if (element.maxLines > 0) { node.classList.add("clamped"); node.style.setProperty("--lines", Math.min(50, Number(element.maxLines))); }
    return node;
  },

  // Runs know no Markdown; clients show a line break inside one, and fold blanks.
  RichTextBlock(element, context) {
    const runs = (element.inlines || []).map((piece) => textRun(typeof piece === "string" ? { type: "TextRun", text: piece } : piece, context));
    return h("div", { class: `card-text rich${aligned(element)}` }, runs);
  },

  Container(element, context) {
    const node = h("div", { class: "card-box" }, drawItems(element.items, context));
    return dressed(node, element, context);
  },

  ColumnSet(element, context) {
    const node = h("div", { class: `card-columns${aligned(element)}` }, (element.columns || []).map((column) => columnOf(column, context)));
    return dressed(node, element, context);
  },

  FactSet: (element, context) => h("dl", { class: "card-facts" }, (element.facts || []).flatMap((fact) => [
    h("dt", {}, markdown(fact.title, context.root.people)), h("dd", {}, markdown(fact.value, context.root.people))])),

  Image(element, context) {
    const node = h("div", { class: `card-picture image-${lower(element.size || "auto")}${aligned(element)}` }, image(element));
    if (lower(element.style) === "person") node.classList.add("person-style");
    for (const [name, value] of [["--width", element.width], ["--height", element.height]]) if (pixels(value)) node.style.setProperty(name, value);
    if (pixels(element.width) || pixels(element.height)) node.classList.add("sized");
    select(node, element.selectAction, context);
    return node;
  },

  ImageSet: (element, context) => h("div", { class: "card-pictures" }, (element.images || []).map((picture) => {
    const node = h("div", { class: `card-picture image-${lower(picture.size || element.imageSize || "medium")}` }, image(picture));
    select(node, picture.selectAction, context);
    return node;
  })),

  ActionSet: (element, context) => actionRow(element.actions || [], context, {}),

  Table(element, context) {
    const head = element.firstRowAsHeaders !== false;
    const widths = (element.columns || []).map((column) => (pixels(column.width) ? column.width : `${Math.max(1, Number(column.width) || 1)}fr`));
    const rows = (element.rows || []).map((row, number) => h("div", { class: "card-row", role: "row" }, (row.cells || []).map((cell, at) => {
      const side = lower(cell.horizontalCellContentAlignment || row.horizontalCellContentAlignment || element.columns?.[at]?.horizontalCellContentAlignment || element.horizontalCellContentAlignment);
      const node = h("div", { class: `card-cell${side ? ` to-${side}` : ""}`, role: head && number === 0 ? "columnheader" : "cell" }, drawItems(cell.items, context));
      return dressed(node, { ...cell, style: cell.style || row.style }, context);
    })));
    const node = h("div", { class: `card-table${element.showGridLines === false ? " plain" : ""}`, role: "table", vars: { "--columns": widths.join(" ") || "1fr" } }, rows);
    if (head) node.classList.add("headed");
    return h("div", { class: "card-table-box" }, node);
  },
};

function textRun(piece, context) {
  if (piece?.type !== "TextRun") return says(`A run of type “${piece?.type ?? "?"}”, which this page does not draw.`);
  let node = h(piece.selectAction ? "button" : "span", { class: `run ${looks(piece)}`, type: piece.selectAction ? "button" : null }, macros(piece.text));
  if (piece.italic) node.classList.add("italic");
  if (piece.highlight) node.classList.add("highlight");
  if (piece.strikethrough && piece.underline) node.classList.add("struck-underlined");
  else if (piece.strikethrough) node.classList.add("struck");
  else if (piece.underline) node.classList.add("underlined");
  const action = piece.selectAction;
  if (!action) return node;
  if (action.type === "Action.OpenUrl") {
    const opened = link(action.url || "", macros(piece.text), { class: node.className });
    if (opened.tagName === "A") opened.addEventListener("click", (event) => { if (context.root.where.openUrl(action.url)) event.preventDefault(); });
    return opened;
  }
  node.addEventListener("click", () => runAction(action, context, node));
  return node;
}

function columnOf(column, context) {
  if (column?.type && column.type !== "Column") return says(`A column of type “${column.type}”, which this page does not draw.`);
  const node = h("div", { class: "card-column" }, drawItems(column.items, context));
  const width = column.width ?? "stretch";
  if (pixels(String(width))) node.style.setProperty("flex", `0 0 ${width}`);
  else if (lower(width) === "auto") node.classList.add("auto");
  else if (lower(width) === "stretch") node.classList.add("stretch-width");
  else node.style.setProperty("flex", `${Math.max(1, Number(width) || 1)} 1 0`);
  return framed(dressed(node, column, context), column, context);
}

// What containers have in common: colours, height, where their content stands, and that a click may do something.
function dressed(node, element, context) {
  const style = lower(element.style);
  if (style && style !== "default") node.classList.add("styled", `style-${style}`);
  if (element.bleed) node.classList.add("bleed");
  if (pixels(element.minHeight)) node.style.setProperty("min-block-size", element.minHeight);
  if (element.verticalContentAlignment) node.classList.add(`at-${lower(element.verticalContentAlignment)}`);
  if (element.rtl === true) node.dir = "rtl";
  if (element.rtl === false) node.dir = "ltr";
  select(node, element.selectAction, context);
  return node;
}

// Only pictures that came with the card are shown; nothing is fetched from elsewhere.
function image(element) {
  const words = String(element.altText || "");
  if (/^data:image\/(png|jpeg|gif|webp);base64,/i.test(element.url || "")) return h("img", { src: element.url, alt: words, loading: "lazy" });
  if (lower(element.style) === "person") return letters(words || "?", Number.parseInt(element.width, 10) || 40);
  return h("span", { class: "card-elsewhere" }, icon("image", 15), link(element.url || "", words || "Picture"));
}

function select(node, action, context) {
  if (!action) return;
  node.classList.add("selectable");
  node.tabIndex = 0;
  node.setAttribute("role", action.type === "Action.OpenUrl" ? "link" : "button");
  if (action.title || action.tooltip) node.title = action.tooltip || action.title;
  const start = (event) => {
    if (event.target !== node && event.target.closest("button, a, input, select, textarea, label")) return;
    if (event.type === "keydown" && (event.target !== node || (event.key !== "Enter" && event.key !== " "))) return;
    event.preventDefault();
    runAction(action, context, node).catch((error) => complain(error.message));
  };
  node.addEventListener("click", start);
  node.addEventListener("keydown", start);
}
