// Where the visitor writes: text, files, what she answers to and what she corrects.

import { el, icon, iconButton } from "./dom.js";
import { plainText } from "./store.js";
import { Upload } from "./upload.js";

const MOST = 10_000;
const MOST_FILES = 10;
const TALLEST = 160;
const TYPING_EVERY = 3_000;

export class Composer {
  #texts;
  #session;
  #keep;
  #config;
  #hooks;
  #uploads = [];
  #quote = null;
  #editing = null;
  #typed = 0;
  #draftTimer = 0;

  // hooks: send({text, uploads, quote}), edit(item, text), typing(), say(sentence), editLast()
  constructor({ texts, session, keep, config, hooks }) {
    this.#texts = texts;
    this.#session = session;
    this.#keep = keep;
    this.#config = config;
    this.#hooks = hooks;
    const t = (key, values) => texts.t(key, values);
    this.input = el("textarea", { rows: "1", dir: "auto", placeholder: t("placeholder"), "aria-label": t("placeholder"), enterkeyhint: "enter", autocomplete: "off" });
    this.picker = el("input", { type: "file", multiple: true, hidden: true, tabindex: "-1", "aria-hidden": "true" });
    this.attach = iconButton("attach", t("attach"), () => this.picker.click());
    this.button = el("button", { type: "submit", class: "send", "aria-label": t("send"), title: t("send"), disabled: true }, icon("send"));
    this.bar = el("div", { class: "bar", hidden: true });
    this.chips = el("ul", { class: "chips", hidden: true });
    this.count = el("span", { class: "count", role: "status" });
    this.node = el("form", { class: "composer", novalidate: true }, this.bar, this.chips, el("div", { class: "field" }, this.attach, this.input, this.picker, this.button), this.count);
    this.node.addEventListener("submit", (event) => { event.preventDefault(); this.#submit(); });
    this.input.addEventListener("input", () => this.#changed());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("paste", (event) => this.#paste(event));
    this.picker.addEventListener("change", () => { this.addFiles([...this.picker.files]); this.picker.value = ""; });
    this.input.value = keep.get("draft") || "";
    this.#changed(false);
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  reply(item) {
    this.#leaveEditing();
    this.#quote = item;
    this.#drawBar();
    this.focus();
  }

  edit(item) {
    this.#quote = null;
    this.#editing = { item, before: this.#editing ? this.#editing.before : this.input.value };
    this.input.value = plainText(item);
    this.#drawBar();
    this.#changed(false);
    this.focus();
  }

  // True when there was something to leave.
  leave() {
    if (!this.#quote && !this.#editing) return false;
    this.#quote = null;
    this.#leaveEditing();
    this.#drawBar();
    this.focus();
    return true;
  }

  addFiles(files) {
    for (const file of files) {
      if (this.#uploads.length >= MOST_FILES) { this.#hooks.say(this.#texts.t("tooMany", { n: MOST_FILES })); break; }
      if (file.size > this.#config.maxUpload) {
        this.#hooks.say(this.#texts.t("tooLarge", { name: file.name, limit: this.#texts.size(this.#config.maxUpload) }));
        continue;
      }
      const upload = new Upload(file, this.#session, () => this.#drawUpload(upload));
      this.#uploads.push(upload);
      upload.chip = this.#chip(upload);
      this.chips.append(upload.chip);
      upload.start();
    }
    this.chips.hidden = this.#uploads.length === 0;
    this.#changed(false);
    this.focus();
  }

  // The network is back; what the server refused stays refused.
  resumeUploads() {
    for (const upload of this.#uploads) if (upload.state === "failed" && !upload.problem) upload.start();
  }

  clear() {
    for (const upload of this.#uploads.splice(0)) { upload.cancel(); upload.chip.remove(); }
    this.chips.hidden = true;
    this.input.value = "";
    this.#quote = null;
    this.#editing = null;
    this.#drawBar();
    this.#changed(false);
  }

  #leaveEditing() {
    if (!this.#editing) return;
    this.input.value = this.#editing.before;
    this.#editing = null;
    this.#changed(false);
  }

  #submit() {
    const text = this.input.value.trim();
    if (this.button.disabled) return;
    if (this.#editing) {
      const { item } = this.#editing;
      this.#leaveEditing();
      this.#drawBar();
      if (text !== plainText(item)) this.#hooks.edit(item, text);
      this.focus();
      return;
    }
    const uploads = this.#uploads.splice(0);
    const quote = this.#quote;
    this.#quote = null;
    this.input.value = "";
    for (const upload of uploads) upload.chip.remove();
    this.chips.hidden = true;
    this.#drawBar();
    this.#changed(false);
    this.#hooks.send({ text, uploads, quote });
    this.focus();
  }

  #key(event) {
    if (event.isComposing) return;
    const touch = matchMedia("(pointer: coarse)").matches;
    if (event.key === "Enter" && !event.shiftKey && !touch) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.leave()) {
      event.stopPropagation();
    } else if (event.key === "ArrowUp" && this.input.value === "" && !event.shiftKey) {
      if (this.#hooks.editLast()) event.preventDefault();
    }
  }

  #paste(event) {
    const files = [...(event.clipboardData?.files || [])];
    if (!files.length) return;
    event.preventDefault();
    this.addFiles(files);
  }

  #changed(byHand = true) {
    const { input } = this;
    input.style.setProperty("height", "auto");
    input.style.setProperty("height", `${Math.min(input.scrollHeight, TALLEST)}px`);
    // The placeholder runs as the language does, what she types as its own letters do.
    input.dir = input.value ? "auto" : this.#texts.dir;
    const length = input.value.length > MOST ? [...input.value.trim()].length : input.value.length;
    const over = length - MOST;
    this.count.textContent = over > 0 ? this.#texts.t("tooLong", { n: over }) : "";
    const busy = this.#uploads.some((upload) => upload.state !== "done");
    const empty = !input.value.trim() && (this.#uploads.length === 0 || this.#editing);
    this.button.disabled = empty || busy || over > 0;
    if (!byHand) return;
    clearTimeout(this.#draftTimer);
    const draft = this.#editing ? this.#editing.before : input.value;
    this.#draftTimer = setTimeout(() => this.#keepDraft(draft), 300);
    if (input.value && Date.now() - this.#typed > TYPING_EVERY) {
      this.#typed = Date.now();
      this.#hooks.typing();
    }
  }

  #keepDraft(draft) {
    if (draft && this.input.value) this.#keep.set("draft", draft.slice(0, MOST));
    else this.#keep.remove("draft");
  }

  #drawBar() {
    const item = this.#editing?.item || this.#quote;
    this.bar.hidden = !item;
    this.node.classList.toggle("editing", Boolean(this.#editing));
    this.button.setAttribute("aria-label", this.#texts.t(this.#editing ? "save" : "send"));
    if (!item) { this.bar.replaceChildren(); this.#keepDraft(this.input.value); return; }
    const name = item.me ? this.#texts.t("you") : item.author || this.#texts.t("team");
    this.bar.replaceChildren(
      el("span", { class: "bar-mark" }, icon(this.#editing ? "edit" : "reply")),
      el("span", { class: "bar-text" },
        el("strong", {}, this.#editing ? this.#texts.t("editing") : this.#texts.t("replying", { name })),
        el("span", { dir: "auto" }, plainText(item).slice(0, 120))),
      iconButton("close", this.#texts.t("cancel"), () => this.leave()));
  }

  #chip(upload) {
    const chip = el("li", { class: "chip" });
    if (upload.preview) chip.append(el("img", { src: upload.preview, alt: "" }));
    else chip.append(el("span", { class: "file-icon" }, icon("file")));
    upload.bar = el("progress", { max: "1", value: "0", "aria-label": this.#texts.t("uploading", { name: upload.name }) });
    upload.note = el("span", { class: "chip-note", role: "status" }, this.#texts.size(upload.file.size));
    upload.again = el("button", { type: "button", class: "again", hidden: true, onclick: () => upload.start() }, this.#texts.t("retry"));
    const remove = iconButton("close", this.#texts.t("removeFile", { name: upload.name }), () => {
      upload.cancel();
      chip.remove();
      this.#uploads = this.#uploads.filter((other) => other !== upload);
      this.chips.hidden = this.#uploads.length === 0;
      this.#changed(false);
      this.focus();
    });
    chip.append(el("span", { class: "chip-text" }, el("span", { class: "chip-name", dir: "auto" }, upload.name), upload.note, upload.bar), upload.again, remove);
    return chip;
  }

  #drawUpload(upload) {
    if (!upload.chip) return;
    upload.bar.value = upload.progress;
    upload.bar.hidden = upload.state !== "running";
    upload.again.hidden = upload.state !== "failed" || Boolean(upload.problem);
    upload.chip.classList.toggle("failed", upload.state === "failed");
    if (upload.state === "failed") {
      const sentence = upload.problem || this.#texts.t("uploadFailed", { name: upload.name });
      if (upload.note.textContent !== sentence) upload.note.textContent = sentence;
    } else upload.note.textContent = this.#texts.size(upload.file.size);
    this.#changed(false);
  }
}
