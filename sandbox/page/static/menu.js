// What opens over the page and closes again: menus, the emoji picker, questions, notices.
import { EMOJI } from "./emoji.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";

let open = null;

// Shows `content` beside `anchor`, inside the window; Escape or a click elsewhere closes it.
export function popover(anchor, content, { label = "Menu", onClose } = {}) {
  closePopover();
  const skin = anchor.closest(".teams") ? "popover teams-skin" : "popover";
  const box = h("div", { class: skin, role: "dialog", "aria-label": label }, content);
  document.body.append(box);
  const place = anchor.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  // Over its own workspace, where that is wide enough.
  const frame = anchor.closest(".teams")?.getBoundingClientRect();
  const least = frame && frame.width > size.width + 16 ? frame.left + 8 : 8;
  const left = Math.max(least, Math.min(place.right - size.width, innerWidth - size.width - 8));
  const below = place.bottom + 6;
  box.style.left = `${left}px`;
  if (below + size.height < innerHeight - 8) box.style.top = `${below}px`;
  // Above it grows upwards.
  else box.style.bottom = `${Math.max(8, Math.min(innerHeight - place.top + 6, innerHeight - size.height - 8))}px`;
  open = { box, anchor, onClose };
  anchor.setAttribute("aria-expanded", "true");
  (box.querySelector("input, [role=menuitem], button") || box).focus();
  return closePopover;
}

export function closePopover(back = false) {
  if (!open) return;
  const { box, anchor, onClose } = open;
  open = null;
  box.remove();
  anchor.removeAttribute("aria-expanded");
  onClose?.();
  if (back === true && anchor.isConnected) anchor.focus();
}

addEventListener("pointerdown", (event) => { if (open && !open.box.contains(event.target) && !open.anchor.contains(event.target)) closePopover(); });
addEventListener("keydown", (event) => {
  if (!open) return;
  if (event.key === "Escape") { event.stopPropagation(); closePopover(true); }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const items = [...open.box.querySelectorAll("[role=menuitem]")];
  if (!items.length) return;
  event.preventDefault();
  const at = items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  items[(at + items.length) % items.length].focus();
}, true);
addEventListener("resize", () => closePopover());

// Entries: {title, detail?, icon?, danger?, run} or null for a line between them.
export function menu(anchor, entries, label = "More actions") {
  const items = entries.map((entry) => entry === null ? h("hr", {}) : entry.heading ? h("div", { class: "menu-heading" }, entry.heading) : h(
    "button",
    { type: "button", role: "menuitem", class: entry.danger ? "danger" : "", on: { click: () => { closePopover(); entry.run(); } } },
    entry.picture || null,
    h("span", { class: "menu-words" }, entry.title, entry.detail && h("small", {}, entry.detail)),
  ));
  popover(anchor, h("div", { class: "menu", role: "menu" }, items), { label });
}

export function emojiPicker(anchor, choose, only = null) {
  const offered = only ? only.map((picture) => ({ name: picture, picture })) : EMOJI;
  const grid = h("div", { class: "emoji-grid" });
  const draw = (wanted) => replace(grid, offered.filter(({ name }) => !wanted || name.includes(wanted)).map((emoji) => h(
    "button",
    { type: "button", title: only ? emoji.picture : `:${emoji.name}:`, "aria-label": emoji.name, on: { click: () => { closePopover(true); choose(emoji); } } },
    emoji.picture,
  )));
  const search = h("input", { type: "search", placeholder: "Search all emoji", "aria-label": "Search all emoji", on: { input: () => draw(search.value.trim().toLowerCase().replace(/\s+/g, "_")) } });
  draw("");
  popover(anchor, h("div", { class: "emoji-picker" }, only ? null : h("label", { class: "emoji-search" }, icon("search", 15), search), grid), { label: "Emoji" });
}

// A question with two answers; resolves to true for yes.
export function ask({ title, text, yes, no = "Cancel", danger = false }, inside = document.body) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const end = (answer) => { dialog.close(); dialog.remove(); before?.focus?.(); resolve(answer); };
    const dialog = h("dialog", { class: "question", "aria-label": title, on: { cancel: (event) => { event.preventDefault(); end(false); } } },
      h("h2", {}, title), h("p", {}, text),
      h("div", { class: "question-buttons" },
        h("button", { type: "button", class: "btn", on: { click: () => end(false) } }, no),
        h("button", { type: "button", class: danger ? "btn danger solid" : "btn primary", on: { click: () => end(true) } }, yes)));
    inside.append(dialog);
    dialog.showModal();
    dialog.querySelector("button:last-child").focus();
  });
}

export function toast(sentence) {
  const shelf = document.getElementById("toasts");
  while (shelf.children.length > 2) shelf.firstElementChild.remove();
  const note = h("div", { class: "toast" }, icon("bolt", 16), h("span", {}, sentence), h("button", { type: "button", "aria-label": "Dismiss", on: { click: () => note.remove() } }, icon("close", 14)));
  shelf.append(note);
  setTimeout(() => note.remove(), 8000);
}
