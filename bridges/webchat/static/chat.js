// The chat itself: turns what the visitor does into frames, and frames into what she sees.

import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { el, icon, iconButton } from "./dom.js";
import { Log } from "./log.js";
import { avatar } from "./message.js";
import { Outbox } from "./outbox.js";
import { Keep, Session } from "./session.js";
import { Store } from "./store.js";

export class Chat {
  #config;
  #texts;
  #host;
  #keep = new Keep();
  #session = new Session(this.#keep, (expired) => this.#switched(expired));
  #visible = false;
  #readSent = "";
  #delivered = new Set();
  #unread = -1;
  page = {};

  constructor({ config, texts, host }) {
    this.#config = config;
    this.#texts = texts;
    this.#host = host;
    this.store = new Store((changed) => this.#draw(changed));
    this.connection = new Connection({
      session: this.#session, take: (frame) => this.#take(frame), changed: (state) => this.#connected(state), about: () => this.#about(),
    });
    this.outbox = new Outbox({ keep: this.#keep, connection: this.connection, changed: (entry, answer) => this.#confirmed(entry, answer) });
    this.log = new Log({
      texts, store: this.store, seen: () => this.#markRead(), greeting: config.greeting || texts.t("greeting"),
      more: texts.t("intro"),
      actions: {
        reply: (item) => this.composer.reply(item), edit: (item) => this.composer.edit(item), remove: (item) => this.#remove(item),
        react: (item, emoji) => this.#react(item, emoji), choose: (item, choice) => this.#choose(item, choice),
        retry: (item) => this.#retry(item), discard: (item) => this.#discard(item),
      },
    });
    this.composer = new Composer({
      texts, session: this.#session, keep: this.#keep, config,
      hooks: {
        send: (message) => this.#send(message), edit: (item, text) => this.#edit(item, text),
        typing: () => this.connection.post({ type: "typing" }), say: (sentence) => this.#say(sentence), editLast: () => this.#editLast(),
      },
    });
    this.node = this.#build();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { this.connection.hurry(); this.#markRead(); } });
    addEventListener("focus", () => { if (this.connection.state === "elsewhere") this.connection.start(); });
  }

  get known() { return this.#session.known; }

  #build() {
    const t = (key) => this.#texts.t(key);
    this.faces = el("span", { class: "faces" });
    this.#faces();
    this.subtitle = el("span", { class: "subtitle" }, this.#config.hours || t("subtitle"));
    const close = iconButton("down", t("close"), () => this.#host.tell("close"), { class: "icon-button close" });
    const header = el("header", {}, this.faces, el("span", { class: "titles" }, el("h1", {}, this.#config.title), this.subtitle), close);
    this.banner = el("button", { type: "button", class: "banner", hidden: true, onclick: () => { this.connection.start(); this.connection.hurry(); } });
    this.notice = el("div", { class: "notice", role: "alert" });
    this.dropzone = el("div", { class: "dropzone", "aria-hidden": "true" }, el("span", {}, icon("attach"), t("drop")));
    const node = el("div", { class: "chat" }, header, el("div", { role: "status" }, this.banner), this.log.node, this.notice, this.composer.node, this.dropzone);
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.defaultPrevented) this.#host.tell("close"); });
    this.#acceptDrops(node);
    return node;
  }

  #acceptDrops(node) {
    const holdsFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
    let depth = 0;
    const show = () => node.classList.toggle("dropping", depth > 0);
    node.addEventListener("dragenter", (event) => { if (holdsFiles(event)) { depth += 1; show(); } });
    node.addEventListener("dragleave", (event) => { if (holdsFiles(event)) { depth = Math.max(0, depth - 1); show(); } });
    node.addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
    node.addEventListener("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      depth = 0;
      show();
      this.composer.addFiles([...event.dataTransfer.files]);
    });
  }

  start() {
    this.connection.start();
  }

  setVisible(open) {
    this.#visible = open;
    if (!open) return;
    this.start();
    this.connection.hurry();
    if (this.connection.online) this.connection.post({ type: "about", about: this.#about() });
    if (!matchMedia("(pointer: coarse)").matches || !this.#host.embedded) this.composer.focus();
    this.log.toBottom(false);
    this.#markRead();
  }

  async identify(jwt) {
    try {
      await this.#session.open(jwt);
      this.start();
      this.#host.tell("active");
      this.#host.notify("identified");
    } catch (error) {
      this.#host.notify("error", { code: error.code, message: error.message });
      if (error.code !== "network" && this.known) this.start();
    }
  }

  reset() {
    this.#session.forget();
    this.#switched(false);
  }

  // Somebody else writes now: nothing of the one before may stay on the screen.
  #switched(expired) {
    this.connection.stop();
    this.composer.clear();
    this.store.clear();
    this.outbox.load(this.#session.visitor);
    this.#delivered.clear();
    this.#readSent = "";
    this.#faces();
    this.#tellUnread();
    if (expired) this.#host.notify("expired");
    if (this.#visible) this.start();
  }

  #about() {
    const device = navigator.userAgentData ? `${navigator.userAgentData.brands.at(-1)?.brand || ""}, ${navigator.userAgentData.platform}` : navigator.userAgent;
    return {
      url: String(this.page.url || "").slice(0, 2000), title: String(this.page.title || "").slice(0, 300), referrer: String(this.page.referrer || "").slice(0, 2000),
      language: navigator.language || "", timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || "", device: device.slice(0, 200),
    };
  }

  #connected(state) {
    const sentence = { offline: "offline", elsewhere: "elsewhere", refused: "failedText" }[state];
    this.banner.hidden = !sentence;
    this.banner.textContent = sentence ? this.#texts.t(sentence) : "";
    this.node.dataset.connection = state;
    this.node.dataset.mode = this.connection.mode;
    if (state === "online") {
      this.#readSent = "";
      for (const entry of this.outbox.load(this.#session.visitor)) this.#showEntry(entry);
      this.outbox.pump();
      this.composer.resumeUploads();
      this.#markRead();
    } else if (state === "connecting" || state === "offline") {
      // What was written is shown even when the server cannot be asked.
      if (this.#session.visitor) for (const entry of this.outbox.load(this.#session.visitor)) this.#showEntry(entry);
    }
  }

  #showEntry(entry) {
    if (entry.frame.type === "send") this.store.putLocal(entry);
  }

  #take(frame) {
    if (frame.type === "event") this.#event(frame.item);
    else if (frame.type === "typing") {
      const last = this.store.lastOfTeam;
      this.log.showTyping({ name: last?.author || this.#texts.t("team"), avatar: last?.avatar }, frame.for);
    } else if (frame.type === "synced") {
      this.store.synced = true;
      this.log.ready();
      this.#markRead();
    } else if (frame.type === "error") console.warn(`Threadbridge: ${frame.code}: ${frame.message}`);
  }

  #event(item) {
    const fresh = this.store.put(item);
    this.#faces();
    if (item.me || item.deleted) return;
    if (item.status === "sent") this.#tellDelivered(item.id);
    if (fresh && this.store.synced) this.#host.notify("message");
    this.#markRead();
  }

  #tellDelivered(id) {
    if (this.#delivered.size === 0) {
      setTimeout(() => {
        const ids = [...this.#delivered].filter((each) => !this.store.get(each)?.seen).slice(0, 100);
        this.#delivered.clear();
        if (ids.length) this.connection.post({ type: "delivered", ids });
      }, 60);
    }
    this.#delivered.add(id);
  }

  #markRead() {
    if (this.#visible && !document.hidden && this.log.atBottom && this.store.synced) {
      const unread = this.store.unread;
      for (const item of unread) item.seen = true;
      const last = this.store.lastOfTeam;
      if (last && last.status !== "read" && last.id !== this.#readSent && this.connection.online) {
        this.#readSent = last.id;
        this.connection.post({ type: "read", id: last.id });
      }
    }
    this.#tellUnread();
  }

  #tellUnread() {
    const count = this.store.unread.length;
    if (count === this.#unread) return;
    this.#unread = count;
    this.#host.tell("unread", { count });
  }

  #send({ text, uploads, quote }) {
    const shown = uploads.map((upload) => upload.shown());
    const frame = { type: "send", text, uploads: uploads.map((upload) => upload.token), reply_to: quote?.id ?? null };
    const entry = this.outbox.add(frame, { shown });
    this.store.putLocal(entry, shown.map((file, at) => ({ ...file, local: uploads[at].preview })));
    this.#say("");
    this.#host.tell("active");
    this.start();
    this.log.toBottom(true);
  }

  #choose(item, choice) {
    const entry = this.outbox.add({ type: "send", choice: { id: item.id, value: choice.value, label: choice.label } });
    this.store.putLocal(entry);
    this.log.refreshChoices();
    this.composer.focus();
  }

  #edit(item, text) {
    const before = { body: item.body, edited: item.edited };
    this.store.change(item.id, { body: [{ t: "paragraph", c: [{ s: text }] }], edited: true });
    this.outbox.add({ type: "edit", id: item.id, text }, { before });
  }

  #remove(item) {
    this.store.change(item.id, { deleted: true });
    this.outbox.add({ type: "delete", id: item.id }, { before: { deleted: false } });
    this.composer.focus();
  }

  #react(item, emoji) {
    const before = { reactions: item.reactions };
    const reactions = { ...item.reactions };
    if (emoji) reactions.customer = emoji;
    else delete reactions.customer;
    this.store.change(item.id, { reactions });
    this.outbox.add({ type: "react", id: item.id, emoji }, { before });
  }

  #editLast() {
    const last = this.store.list().filter((item) => item.me && !item.deleted && item.body?.length && !["sending", "failed"].includes(item.status)).at(-1);
    if (!last) return false;
    this.composer.edit(last);
    return true;
  }

  #retry(item) {
    const entry = this.outbox.find(item.id);
    if (entry) this.outbox.retry(entry);
  }

  #discard(item) {
    const entry = this.outbox.find(item.id);
    if (entry) this.outbox.discard(entry);
    this.store.drop(item.id);
    this.composer.focus();
  }

  #confirmed(entry, answer) {
    const { frame } = entry;
    if (frame.type === "send") {
      const id = `c/${frame.client_id}`;
      if (answer?.type === "ack") this.store.acked(id, answer.mid);
      else this.store.change(id, { status: answer ? "failed" : "sending", problem: answer?.message });
      if (answer?.type === "ack") this.log.refreshChoices();
      return;
    }
    // A correction that was refused is taken back on the screen too.
    if (answer?.type === "error") {
      this.store.change(frame.id, entry.extra.before);
      this.outbox.discard(entry);
      this.#say(answer.message || this.#texts.t("failedText"));
    }
  }

  #draw(changed) {
    this.log.draw(changed);
    this.#tellUnread();
  }

  // Who answers here, latest first; a plain mark while nobody did.
  #faces() {
    const people = new Map();
    for (const item of this.store.list().filter((each) => !each.me && each.author).reverse()) if (people.size < 3) people.set(item.author, item.avatar);
    const key = JSON.stringify([...people]);
    if (this.faces.dataset.key === key) return;
    this.faces.dataset.key = key;
    const faces = [...people].map(([name, url]) => avatar(name, url));
    this.faces.replaceChildren(...(faces.length ? faces : [el("span", { class: "mark" }, icon("wave"))]));
  }

  #say(sentence) {
    clearTimeout(this.noticeTimer);
    this.notice.textContent = sentence;
    if (sentence) this.noticeTimer = setTimeout(() => { this.notice.textContent = ""; }, 8_000);
  }
}

