// The customers' phones: whichever channel's app is open, with one chat, held by one customer at a time.
import { appIcon, letters } from "./avatar.js";
import { bubble, summary } from "./bubble.js";
import { grow, h, iconButton, reconcile, replace, stickToEnd } from "./dom.js";
import { icon } from "./icons.js";
import { act, complain } from "./live.js";
import { emojiPicker, menu } from "./menu.js";
import { changed, on, ui, world } from "./store.js";
import { dayName, size } from "./words.js";

const at = (id) => document.getElementById(id);
// By channel: who holds the phone, and what she answers or edits.
const looks = new Map();
const drafts = new Map();
// By channel and customer: the last message that she was told to have read.
const read = new Map();
let built = "";
// What stands below our name; a number has nothing to say.
const UNDER = { telegram: "bot", sms: "text message" };

export function begin() {
  on("phone page", draw);
}

function open() {
  const phone = world.phones.get(ui.channelTab);
  if (!phone || !phone.people.size) return null;
  if (!looks.has(phone.channel)) looks.set(phone.channel, { user: "", reply: null, edit: null });
  const look = looks.get(phone.channel);
  if (!phone.people.has(look.user)) look.user = [...phone.people.keys()][0];
  return { phone, look, person: phone.people.get(look.user) };
}

// A gesture of whoever holds this phone.
const does = (held, verb, args = {}, files = []) => act(held.person.id, `customer.${verb}`, { channel: held.phone.channel, ...args }, files);

function draw() {
  if (!world.ready || at("phone").hidden) return;
  const held = open();
  const box = at("phone");
  if (!held) {
    built = "";
    replace(box, h("div", { class: "empty" }, h("p", {}, "No customer here has a phone.")));
    return;
  }
  const { phone, person } = held;
  const key = `${phone.channel}:${person.id}`;
  if (built !== key) build(box, held, key);
  drawPeople(held);
  reconcile(at("chat"), rows(held), (row) => row.draw());
  const typing = person.typing > Date.now();
  at("phone-state").textContent = typing ? "typing…" : UNDER[phone.channel] || "business account";
  at("phone-state").classList.toggle("busy", typing);
  const notice = at("phone-notice");
  const words = person.answer && person.answer.until > Date.now() ? person.answer.text : "";
  notice.textContent = words;
  notice.hidden = !words;
  box.classList.toggle("blocked", Boolean(person.blocked));
  at("phone-start").hidden = !phone.can.has("start") || !(person.blocked || !person.messages.size);
  at("phone-composer").hidden = !at("phone-start").hidden;
  at("phone-start").firstElementChild.textContent = person.blocked ? "Unblock" : "Start";
  reads(held, key);
}

// An open chat has been read, where the channel tells the business so.
function reads(held, key) {
  const last = [...held.person.messages.values()].findLast((message) => message.from_bot)?.message_id;
  if (!last || !held.phone.can.has("read") || read.get(key) === last || document.hidden || !at("chat").offsetParent) return;
  read.set(key, last);
  does(held, "read");
}

function rows(held) {
  const { phone, person } = held;
  const made = [];
  let day = "";
  let previous = null;
  const messages = [...person.messages.values()];
  const lastSeen = messages.findLast((message) => !message.from_bot && message.seen);
  messages.forEach((message, number) => {
    const date = new Date(message.date);
    if (date.toDateString() !== day) made.push({ key: date.toDateString(), version: "", draw: () => h("div", { class: "chat-day" }, h("span", {}, dayName(date))) });
    day = date.toDateString();
    const next = messages[number + 1];
    const tail = !next || next.from_bot !== message.from_bot;
    const first = !previous || previous.from_bot !== message.from_bot;
    const replied = message.reply_to ? person.messages.get(message.reply_to) || { text: "Deleted message", files: [], cards: [], from_bot: false } : null;
    const keys = !message.quick || !next;
    // Ticks stand on each message; LINE says Read on each that is, the others on the last that was seen.
    const mark = phone.marks === "ticks" ? "ticks" : message.seen && (phone.marks === "Read" || message === lastSeen) ? phone.marks : "";
    const entries = () => actions(held, message);
    made.push({
      key: message.message_id,
      version: `${tail}${first}${keys}${mark}${JSON.stringify(message)}${replied?.text || ""}`,
      draw: () => bubble(message, { tail, first, replied, keys, mark, business: phone.business, more: (anchor) => menu(anchor, entries(), "Message"), press: (data) => does(held, "press", { message_id: message.message_id, data }) }),
    });
    previous = message;
  });
  if (!made.length) made.push({ key: "hello", version: "", draw: () => h("div", { class: "chat-hello" }, appIcon(64), h("strong", {}, phone.business), h("p", {}, `${phone.can.has("start") ? "What can this bot do? " : ""}Write to us as you would to a friend; a person reads it.`)) });
  return made;
}

function actions(held, message) {
  const { phone, look } = held;
  const id = { message_id: message.message_id };
  const entries = [];
  if (phone.can.has("quote")) entries.push({ title: "Reply", picture: icon("reply", 16), run: () => { look.reply = message; look.edit = null; context(held); } });
  if (phone.can.has("react")) {
    const only = phone.reactions.length ? phone.reactions : undefined;
    const anchor = document.querySelector(`[data-message="${CSS.escape(message.message_id)}"] .bubble-more`);
    entries.push({ title: "React…", picture: icon("smile", 16), run: () => emojiPicker(anchor, ({ picture }) => does(held, "react", { ...id, emoji: picture }), only) });
    if (message.mine_reacted) entries.push({ title: "Take reaction back", run: () => does(held, "react", id) });
  }
  if (phone.can.has("edit") && !message.from_bot && (message.text || message.files.length)) entries.push({ title: "Edit", picture: icon("edit", 16), run: () => { look.edit = message; look.reply = null; context(held, message.text); } });
  if (message.text) entries.push({ title: "Copy", run: () => navigator.clipboard?.writeText(message.text).catch(() => {}) });
  // Only Telegram lets people take back what others wrote.
  if (phone.can.has("delete") && (!message.from_bot || phone.channel === "telegram")) entries.push(...(entries.length ? [null] : []), { title: "Delete", picture: icon("trash", 16), danger: true, run: () => does(held, "delete", id) });
  return entries.length ? entries : [{ title: "Nothing can be done with it", run: () => {} }];
}

function drawPeople({ phone, look }) {
  reconcile(at("phone-people"), [...phone.people.values()].map((person) => ({ key: person.id, version: `${person.id === look.user}`, person })), ({ person }) => h("button", { type: "button", role: "tab", class: "person", "aria-selected": String(person.id === look.user), on: { click: () => { look.user = person.id; look.reply = look.edit = null; changed("phone"); } } }, letters(person.name, 24), person.name.split(" ")[0]));
}

function build(box, held, key) {
  built = key;
  const { phone, look } = held;
  const text = h("textarea", { id: "phone-text", rows: 1, placeholder: "Message", "aria-label": `Message as the customer on ${phone.title}`, dir: "auto", value: drafts.get(key) || "" });
  text.addEventListener("input", () => { drafts.set(key, text.value); grow(text, 110); at("phone-send").classList.toggle("ready", Boolean(text.value.trim())); });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
    if (event.key === "Escape" && (look.reply || look.edit)) { look.reply = look.edit = null; context(open(), ""); }
  });
  const photo = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true, "aria-label": "Photos", on: { change: () => sendFiles("photo", photo) } });
  const file = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files", on: { change: () => sendFiles("document", file) } });
  const attach = iconButton(icon("clip", 22), "Attach", (event) => menu(event.currentTarget, [
    { title: "Photo", picture: icon("image"), run: () => photo.click() },
    { title: "File", picture: icon("file"), run: () => file.click() },
    ...(phone.can.has("voice") ? [{ title: "Voice message", detail: "a placeholder of one second", picture: icon("mic"), run: voice }] : []),
    ...(phone.can.has("place") ? [{ title: "Location", picture: icon("pin"), run: () => does(open(), "send", { kind: "location" }) }] : []),
  ], "Attach"));
  replace(box,
    h("div", { class: "people", id: "phone-people", role: "tablist", "aria-label": `Customers on ${phone.title}`, hidden: phone.people.size < 2 }),
    h("div", { class: "phone" }, h("div", { class: "screen" },
      h("header", { class: "phone-head" }, icon("left", 22), appIcon(36), h("div", {}, h("strong", {}, phone.business), h("small", { id: "phone-state" }, "")), h("span", { class: "stretch" }), h("b", { class: "phone-app" }, phone.title)),
      h("div", { class: "phone-notice", id: "phone-notice", role: "status", hidden: true }),
      stickToEnd(h("div", { class: "chat", id: "chat", role: "log", tabindex: "0", "aria-label": `Chat on ${phone.title}` })),
      h("div", { class: "phone-context", id: "phone-context", hidden: true }),
      h("div", { class: "phone-start", id: "phone-start", hidden: true }, h("button", { type: "button", on: { click: () => does(open(), "start") } }, "Start")),
      h("div", { class: "phone-composer", id: "phone-composer" }, h("div", { class: "phone-field" }, iconButton(icon("smile", 22), "Emoji", (event) => emojiPicker(event.currentTarget, (emoji) => { text.setRangeText(emoji.picture, text.selectionStart, text.selectionEnd, "end"); text.dispatchEvent(new Event("input")); text.focus(); })), text, attach), iconButton(icon("send", 21), "Send as the customer", send, { class: "phone-send", id: "phone-send" })),
      photo, file)));
  if (look.reply || look.edit) context(held);
}

function context(held, value) {
  const { phone, look } = held;
  const box = at("phone-context");
  const text = at("phone-text");
  const about = look.edit || look.reply;
  box.hidden = !about;
  if (about) {
    replace(box, icon(look.edit ? "edit" : "reply"), h("div", {}, h("b", {}, look.edit ? "Edit message" : `Reply to ${about.from_bot ? phone.business : "yourself"}`), h("span", { dir: "auto" }, summary(about))), iconButton(icon("close", 16), "Cancel", () => { look.reply = look.edit = null; context(open(), ""); }));
  }
  if (value !== undefined) { text.value = value; text.dispatchEvent(new Event("input")); }
  text.focus();
}

async function send() {
  const held = open();
  const field = at("phone-text");
  const text = field.value;
  if (!text.trim()) return;
  const { edit, reply } = held.look;
  held.look.edit = held.look.reply = null;
  context(held, "");
  const done = edit ? await does(held, "edit", { message_id: edit.message_id, text }) : await does(held, "write", { text, reply_to: reply?.message_id || "" });
  if (done === undefined && field.isConnected && !field.value) { field.value = text; field.dispatchEvent(new Event("input")); }
}

async function sendFiles(kind, input) {
  const held = open();
  const files = [...input.files];
  input.value = "";
  const large = files.find((file) => file.size > world.page.largest_file);
  if (large) { complain(`${large.name} has ${size(large.size)}; this page takes at most ${size(world.page.largest_file)}.`); return; }
  const caption = at("phone-text").value.trim();
  const { reply } = held.look;
  held.look.reply = null;
  context(held, "");
  await does(held, "send", { kind, caption, reply_to: reply?.message_id || "" }, files);
}

// Bytes that begin as a voice message does; there is nothing to hear.
function voice() {
  const bytes = new Uint8Array(2048);
  bytes.set([0x4f, 0x67, 0x67, 0x53, 0, 2]);
  does(open(), "send", { kind: "voice" }, [new File([bytes], "voice.oga", { type: "audio/ogg" })]);
}

// How many messages of ours stand on the phones of a channel.
export const cameTo = (channel) => [...world.phones.get(channel).people.values()].flatMap((person) => [...person.messages.values()]).filter((message) => message.from_bot).length;
