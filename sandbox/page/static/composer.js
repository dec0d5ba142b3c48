// Slack's composer: formatted words, emoji, files, Enter to send, Shift and Enter for a new line.
import { h, iconButton, replace } from "./dom.js";
import { editor, insertEmoji } from "./editor.js";
import { icon } from "./icons.js";
import { complain } from "./live.js";
import { ui, world } from "./store.js";
import { size } from "./words.js";

// `send(text, files)` resolves to whether it was taken; only then the field is emptied.
export function composerFor({ label, placeholder = "", value = "", draft = "", small = false, send, buttons = null, below = null }) {
  let files = [];
  const kept = draft ? ui.drafts.get(draft) || "" : value;
  const made = editor({
    label,
    placeholder,
    value: kept,
    onInput: (text) => { if (draft) ui.drafts.set(draft, text); ready(); },
    onKey: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); deliver(); }
      if (event.key === "Escape" && buttons) { event.stopPropagation(); buttons.cancel(); }
    },
  });
  const shelf = h("div", { class: "attached" });
  const choose = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files", on: { change: () => { attach([...choose.files]); choose.value = ""; } } });
  const go = h("button", { type: "button", class: "send", "aria-label": "Send now", title: "Send now", on: { click: () => deliver() } }, icon("send", 17));
  const foot = h("div", { class: "composer-foot" },
    !buttons && iconButton(icon("plus"), "Attach files", () => choose.click(), { class: "round" }),
    iconButton(h("span", { class: "aa" }, "Aa"), "Formatting", () => node.classList.toggle("plain"), { tabindex: "-1" }),
    iconButton(icon("smile"), "Emoji", (event) => insertEmoji(event.currentTarget, made.area)),
    iconButton(icon("at"), "Mention someone", () => { made.area.setRangeText("@", made.area.selectionStart, made.area.selectionEnd, "end"); made.area.focus(); made.area.dispatchEvent(new Event("input")); }),
    h("span", { class: "stretch" }),
    buttons ? [h("button", { type: "button", class: "btn", on: { click: buttons.cancel } }, "Cancel"), h("button", { type: "button", class: "btn primary solid", on: { click: () => deliver() } }, buttons.save)] : go);
  const node = h("div", { class: small ? "composer small" : "composer" }, made.bar, h("div", { class: "composer-area" }, made.area), shelf, below, foot, choose);

  function attach(more) {
    for (const file of more) {
      if (file.size > world.page.largest_file) complain(`${file.name} has ${size(file.size)}; this page takes at most ${size(world.page.largest_file)}.`);
      else files.push(file);
    }
    replace(shelf, files.map((file) => h("span", { class: "chip" }, icon(file.type.startsWith("image/") ? "image" : "file", 16), h("span", {}, file.name), h("small", {}, size(file.size)), iconButton(icon("close", 13), `Remove ${file.name}`, () => { files = files.filter((other) => other !== file); attach([]); }))));
    ready();
  }

  function ready() {
    go.classList.toggle("ready", Boolean(made.area.value.trim() || files.length));
  }

  let busy = false;
  async function deliver() {
    if (busy || (!made.area.value.trim() && !files.length)) return;
    busy = true;
    const [text, taken] = [made.area.value, files];
    // The field is free at once, as in Slack; what was refused comes back.
    made.set("");
    files = [];
    attach([]);
    if (!(await send(text, taken)) && !made.area.value) {
      made.set(text);
      files = taken;
      attach([]);
    }
    busy = false;
    if (made.area.isConnected) made.area.focus();
  }

  node.addEventListener("dragover", (event) => { if (!buttons) { event.preventDefault(); node.classList.add("dropping"); } });
  node.addEventListener("dragleave", () => node.classList.remove("dropping"));
  node.addEventListener("drop", (event) => { if (buttons) return; event.preventDefault(); node.classList.remove("dropping"); attach([...event.dataTransfer.files]); });
  made.area.addEventListener("paste", (event) => { const pasted = [...event.clipboardData.files]; if (pasted.length && !buttons) { event.preventDefault(); attach(pasted); } });
  ready();
  if (buttons) requestAnimationFrame(() => { made.area.focus(); made.area.setSelectionRange(made.area.value.length, made.area.value.length); });
  return { node, area: made.area };
}
