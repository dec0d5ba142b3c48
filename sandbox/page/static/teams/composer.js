// Teams' compose box: words, people, files, and what the app's search offers to insert.
import { appIcon } from "../avatar.js";
import { grow, h, iconButton, replace } from "../dom.js";
import { icon } from "../icons.js";
import { complain } from "../live.js";
import { emojiPicker } from "../menu.js";
import { world } from "../store.js";
import { size } from "../words.js";
import { drawAttachment } from "./body.js";
import { offer } from "./extension.js";
import { face } from "./people.js";
import { desk, look } from "./store.js";

const MARKS = { b: "**", i: "_" };

// `send(text, files, card)` resolves to whether it was taken; only then the box is emptied.
export function composerFor({ label, placeholder = "", value = "", draft = "", send, cancel = null, save = "", search = null, subject = false }) {
  let files = [];
  let card = null;
  const area = h("textarea", { rows: 1, placeholder, "aria-label": label, dir: "auto", value: draft ? look.drafts.get(draft) || "" : value, spellcheck: "true" });
  const shelf = h("div", { class: "attached" });
  const chosen = h("div", { class: "t-inserted" });
  const choose = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files", on: { change: () => { attach([...choose.files]); choose.value = ""; } } });
  const go = save
    ? h("button", { type: "button", class: "t-button primary", on: { click: () => deliver() } }, save)
    : iconButton(icon("send", 18), "Send", () => deliver(), { class: "t-send" });
  const foot = h("div", { class: "t-composer-foot" },
    iconButton(h("span", { class: "aa" }, h("b", {}, "B")), "Bold (Ctrl+B)", () => wrap(MARKS.b), { tabindex: "-1" }),
    iconButton(h("span", { class: "aa" }, h("em", {}, "I")), "Italic (Ctrl+I)", () => wrap(MARKS.i), { tabindex: "-1" }),
    iconButton(icon("smile"), "Emoji", (event) => emojiPicker(event.currentTarget, ({ picture }) => put(picture))),
    !save && iconButton(icon("clip"), "Attach files", () => choose.click()),
    search && iconButton(appIcon(20, "hex"), `Search in ${desk.app.name}`, (event) => offer(event.currentTarget, search, insert), { class: "t-app-button" }),
    h("span", { class: "stretch" }),
    cancel && h("button", { type: "button", class: "t-button", on: { click: cancel } }, "Cancel"), go);
  const node = h("div", { class: subject ? "t-composer tall" : "t-composer" }, h("div", { class: "t-area" }, area), chosen, shelf, foot, choose);

  const ready = () => go.classList.toggle("ready", Boolean(area.value.trim() || files.length || card));
  const changed = () => { grow(area, 240); if (draft) look.drafts.set(draft, area.value); ready(); };
  area.addEventListener("input", () => { suggest(area, put); changed(); });
  area.addEventListener("keydown", (event) => {
    const mark = (event.ctrlKey || event.metaKey) && MARKS[event.key.toLowerCase()];
    if (mark) { event.preventDefault(); wrap(mark); }
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); deliver(); }
    if (event.key === "Escape" && cancel) { event.stopPropagation(); cancel(); }
  });

  function put(text, from = area.selectionStart, to = area.selectionEnd) {
    area.focus();
    area.setRangeText(text, from, to, "end");
    changed();
  }

  function wrap(mark) {
    const { selectionStart: from, selectionEnd: to } = area;
    const words = area.value.slice(from, to);
    put(`${mark}${words}${mark}`, from, to);
    area.setSelectionRange(from + mark.length, from + mark.length + words.length);
  }

  function insert(attachment) {
    card = attachment;
    replace(chosen, attachment && [drawAttachment(attachment, { agent: look.agent, openUrl: () => true, press: async () => {} }), iconButton(icon("close", 14), "Remove the card", () => insert(null))]);
    ready();
    area.focus();
  }

  function attach(more) {
    for (const file of more) {
      if (file.size > world.page.largest_file) complain(`${file.name} has ${size(file.size)}; this page takes at most ${size(world.page.largest_file)}.`);
      else files.push(file);
    }
    replace(shelf, files.map((file) => h("span", { class: "chip" }, icon(file.type.startsWith("image/") ? "image" : "file", 16), h("span", {}, file.name), h("small", {}, size(file.size)), iconButton(icon("close", 13), `Remove ${file.name}`, () => { files = files.filter((other) => other !== file); attach([]); }))));
    ready();
  }

  let busy = false;
  async function deliver() {
    if (busy || (!area.value.trim() && !files.length && !card)) return;
    busy = true;
    const kept = [area.value, files, card];
    area.value = "";
    files = [];
    attach([]);
    insert(null);
    changed();
    if (!(await send(...kept)) && !area.value) {
      area.value = kept[0];
      files = kept[1];
      attach([]);
      insert(kept[2]);
      changed();
    }
    busy = false;
    if (area.isConnected) area.focus();
  }

  if (!save) {
    node.addEventListener("dragover", (event) => { event.preventDefault(); node.classList.add("dropping"); });
    node.addEventListener("dragleave", () => node.classList.remove("dropping"));
    node.addEventListener("drop", (event) => { event.preventDefault(); node.classList.remove("dropping"); attach([...event.dataTransfer.files]); });
    area.addEventListener("paste", (event) => { const pasted = [...event.clipboardData.files]; if (pasted.length) { event.preventDefault(); attach(pasted); } });
  }
  ready();
  requestAnimationFrame(() => { grow(area, 240); if (cancel && area.isConnected) { area.focus(); area.setSelectionRange(area.value.length, area.value.length); } });
  return { node, area };
}

// "@om" offers people; the whole name is what becomes a mention.
function suggest(area, put) {
  const found = /(?:^|\s)@([\p{L}\p{N}]*)$/u.exec(area.value.slice(0, area.selectionStart));
  area.parentElement.querySelector(".suggestions")?.remove();
  if (!found) return;
  const wanted = found[1].toLowerCase();
  const people = [...desk.people.values(), desk.app].filter((person) => person.id !== look.agent && person.name.toLowerCase().startsWith(wanted)).slice(0, 5);
  if (!people.length) return;
  const list = h("div", { class: "suggestions" }, people.map((person) => h("button", { type: "button", on: { pointerdown: (event) => {
    event.preventDefault();
    list.remove();
    put(`@${person.name} `, area.selectionStart - found[1].length - 1, area.selectionStart);
  } } }, person === desk.app ? appIcon(22, "hex") : face(person.id, 22), h("strong", {}, person.name))));
  area.parentElement.append(list);
  area.addEventListener("blur", () => list.remove(), { once: true });
}
