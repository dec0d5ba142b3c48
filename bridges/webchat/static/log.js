// The list of messages: keeps order, groups and days, and stays at the bottom unless somebody reads further up.

import { el, icon } from "./dom.js";
import { avatar, drawMessage, drawMeta } from "./message.js";

const GROUP_WITHIN = 5 * 60_000;
const NEAR = 60;

export class Log {
  #drawn = new Map();
  #days = new Map();
  #context;
  #typingTimer = 0;
  #atBottom = true;
  #missed = 0;
  #current = null;

  constructor({ texts, store, actions, greeting, more, seen }) {
    this.#context = { texts, store, actions, log: this };
    this.#seen = seen;
    this.list = el("ol", { class: "messages", "aria-label": texts.t("log") });
    this.intro = el("div", { class: "intro alone" }, el("span", { class: "intro-mark" }, icon("wave")), el("p", { class: "intro-text", dir: "auto" }, greeting), el("p", { class: "intro-more", dir: "auto" }, more));
    this.typing = el("div", { class: "typing", role: "status" });
    this.jumpCount = el("span", {});
    this.jump = el("button", { type: "button", class: "jump", "aria-label": texts.t("latest"), hidden: true, onclick: () => this.toBottom(true) }, icon("down"), this.jumpCount);
    this.scroller = el("div", { class: "scroller", role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-busy": "true", "aria-label": texts.t("log"), tabindex: "-1" }, this.intro, this.list, this.typing);
    this.node = el("div", { class: "log" }, this.scroller, this.jump);
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.list.addEventListener("keydown", (event) => this.#keys(event));
    this.list.addEventListener("focusin", (event) => this.#moveTab(event.target.closest("li.message")));
    this.list.addEventListener("click", (event) => this.#tap(event));
    // Pictures and a changing keyboard move what is below them.
    const follow = new ResizeObserver(() => { if (this.#atBottom) this.toBottom(false); });
    follow.observe(this.list);
    follow.observe(this.scroller);
    follow.observe(this.typing);
  }

  #seen;

  get atBottom() { return this.#atBottom; }

  draw(changed) {
    const { store } = this.#context;
    const items = store.list();
    const alive = new Set(items.map((item) => item.id));
    for (const [id, drawn] of this.#drawn) if (!alive.has(id)) { drawn.node.remove(); this.#drawn.delete(id); }
    let cursor = null;
    let before = null;
    const days = new Set();
    items.forEach((item, at) => {
      const day = item.at.toDateString();
      if (day !== before?.at.toDateString() && !days.has(day)) {
        days.add(day);
        cursor = this.#place(this.#day(day, item.at), cursor);
      }
      const next = items[at + 1];
      const first = !joins(before, item);
      const last = !next || !joins(item, next);
      const node = this.#message(item, changed.has(item.id));
      node.classList.toggle("first", first);
      node.classList.toggle("last", last);
      const newest = item.me && !items.slice(at + 1).some((other) => other.me && !other.deleted);
      node.classList.toggle("newest", newest);
      cursor = this.#place(node, cursor);
      before = item;
    });
    for (const [day, node] of this.#days) if (!days.has(day)) { node.remove(); this.#days.delete(day); }
    this.intro.classList.toggle("alone", items.length === 0);
    if (this.#atBottom) this.toBottom(false);
  }

  #place(node, after) {
    const want = after ? after.nextSibling : this.list.firstChild;
    if (want !== node) this.list.insertBefore(node, want);
    return node;
  }

  #day(day, date) {
    const label = this.#context.texts.day(date);
    if (!this.#days.has(day)) this.#days.set(day, el("li", { class: "day", role: "separator" }, el("span", {}, label)));
    const node = this.#days.get(day);
    if (node.textContent !== label) node.firstChild.textContent = label;
    return node;
  }

  #message(item, changed) {
    const known = this.#drawn.get(item.id);
    if (known && !changed) return known.node;
    const quoted = item.quote && this.#context.store.get(item.quote);
    const answered = Boolean(item.choices?.length) && this.#context.store.list().some((other) => other.me && other.pos > item.pos);
    const content = JSON.stringify([item.body, item.files, item.choices, answered, item.quote, quoted?.body, item.reactions, item.deleted, item.author, item.avatar, item.status === "sending" || item.status === "failed"]);
    if (known?.content === content) {
      known.meta = swap(known.meta, drawMeta(item, this.#context));
      return known.node;
    }
    const node = drawMessage(item, this.#context);
    const meta = drawMeta(item, this.#context);
    node.querySelector(".column").append(meta);
    if (known) {
      const focused = known.node.contains(document.activeElement);
      node.setAttribute("tabindex", known.node.getAttribute("tabindex"));
      node.classList.add("still");
      known.node.replaceWith(node);
      if (this.#current === known.node) this.#current = node;
      if (focused) node.focus({ preventScroll: true });
    } else if (this.#context.store.synced) this.#arrived(item);
    else node.classList.add("still");
    if (!this.#current) this.#moveTab(node);
    this.#drawn.set(item.id, { node, meta, content });
    return node;
  }

  // Choices close once they are answered, although they did not change themselves.
  refreshChoices() {
    const open = this.#context.store.list().filter((item) => item.choices?.length).map((item) => item.id);
    if (open.length) this.draw(new Set(open));
  }

  #arrived(item) {
    if (item.me) { this.#atBottom = true; return; }
    this.showTyping(null);
    if (this.#atBottom) return;
    this.#missed += 1;
    this.#drawJump();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#atBottom = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#atBottom) { this.#missed = 0; this.#seen(); }
    this.#drawJump();
  }

  #drawJump() {
    const { texts } = this.#context;
    this.jump.hidden = this.#atBottom;
    this.jumpCount.textContent = this.#missed ? String(this.#missed) : "";
    this.jump.setAttribute("aria-label", this.#missed ? texts.t("newMessages", { n: this.#missed }) : texts.t("latest"));
  }

  toBottom(smooth) {
    this.#atBottom = true;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: smooth && !calm ? "smooth" : "instant" });
  }

  goTo(id) {
    const node = this.#drawn.get(this.#context.store.get(id)?.id)?.node;
    if (!node) return;
    node.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth" });
    node.focus({ preventScroll: true });
    node.classList.add("found");
    setTimeout(() => node.classList.remove("found"), 1400);
  }

  showTyping(person, seconds = 6) {
    clearTimeout(this.#typingTimer);
    if (!person) { this.typing.replaceChildren(); return; }
    const label = this.#context.texts.t("typing", { name: person.name });
    if (!this.typing.firstChild) {
      const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
      const row = el("div", { class: "typing-row" }, avatar(person.name, person.avatar), dots, el("span", { class: "hidden" }, label));
      this.typing.append(row);
    }
    if (this.#atBottom) this.toBottom(false);
    this.#typingTimer = setTimeout(() => this.showTyping(null), seconds * 1000);
  }

  ready() {
    this.scroller.setAttribute("aria-busy", "false");
  }

  // On a touch screen there is no hovering: a tap shows what can be done.
  #tap(event) {
    const node = event.target.closest("li.message");
    if (!node || event.target.closest("a, button, audio, video")) return;
    if (matchMedia("(hover: none)").matches && !String(getSelection())) node.focus({ preventScroll: true });
  }

  #moveTab(node) {
    if (!node || node === this.#current) return;
    this.#current?.setAttribute("tabindex", "-1");
    node.setAttribute("tabindex", "0");
    this.#current = node;
  }

  // Arrow keys go from message to message; Tab goes to what can be done with one.
  #keys(event) {
    const here = event.target.closest("li.message");
    if (!here || event.target !== here) return;
    const all = [...this.list.querySelectorAll("li.message")];
    const at = all.indexOf(here);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || !all[to]) return;
    event.preventDefault();
    all[to].focus();
  }
}

function joins(before, item) {
  if (!before) return false;
  return before.me === item.me && before.author === item.author && item.at - before.at < GROUP_WITHIN && before.at.toDateString() === item.at.toDateString();
}

function swap(old, fresh) {
  if (old.isEqualNode(fresh)) return old;
  old.replaceWith(fresh);
  return fresh;
}
