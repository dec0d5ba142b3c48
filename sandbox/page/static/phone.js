// The customers' phones: a messenger with one chat, held by one customer at a time.
import { appIcon, letters } from "./avatar.js";
import { bubble } from "./bubble.js";
import { grow, h, iconButton, reconcile, replace, stickToEnd } from "./dom.js";
import { icon } from "./icons.js";
import { act, complain } from "./live.js";
import { emojiPicker, menu } from "./menu.js";
import { changed, on, world } from "./store.js";
import { dayName, size } from "./words.js";

const at = (id) => document.getElementById(id);
const state = { user: 0, reply: null, edit: null, built: 0, draft: new Map() };

export function begin() {
  on("phone page", draw);
}

function draw() {
  if (!world.ready) return;
  const people = world.page.phones.filter((id) => world.phones.has(id));
  const box = at("telegram");
  if (!people.length) {
    replace(box, h("div", { class: "empty" }, h("p", {}, "No customer here has a phone.")));
    return;
  }
  if (!people.includes(state.user)) state.user = people[0];
  const phone = world.phones.get(state.user);
  if (state.built !== state.user) build(box, people);
  drawPeople(people);
  const list = at("chat");
  reconcile(list, rows(phone), (row) => row.draw());
  at("phone-state").textContent = phone.typing > Date.now() ? "typing…" : "bot";
  at("phone-state").classList.toggle("busy", phone.typing > Date.now());
  const notice = at("phone-notice");
  const words = phone.answer && phone.answer.until > Date.now() ? phone.answer.text : "";
  notice.textContent = words;
  notice.hidden = !words;
  box.classList.toggle("blocked", Boolean(phone.blocked));
  at("phone-start").hidden = !(phone.blocked || !phone.messages.size);
  at("phone-composer").hidden = !at("phone-start").hidden;
  at("phone-start").firstElementChild.textContent = phone.blocked ? "Unblock" : "Start";
}

function rows(phone) {
  const made = [];
  let day = "";
  let previous = null;
  const messages = [...phone.messages.values()].sort((one, other) => one.message_id - other.message_id).filter((message) => !message.deleted);
  messages.forEach((message, number) => {
    const date = new Date(message.date);
    if (date.toDateString() !== day) made.push({ key: date.toDateString(), version: "", draw: () => h("div", { class: "chat-day" }, h("span", {}, dayName(date))) });
    day = date.toDateString();
    const next = messages[number + 1];
    const tail = !next || next.from_bot !== message.from_bot;
    const first = !previous || previous.from_bot !== message.from_bot;
    const replied = message.reply_to ? phone.messages.get(message.reply_to) : null;
    made.push({ key: message.message_id, version: `${tail}${first}${JSON.stringify(message)}${replied?.text || ""}${replied?.deleted || ""}`, draw: () => bubble(message, { tail, first, replied, person: phone, more: (anchor) => actions(anchor, message), press: (data) => act(phone.id, "telegram.press", { message_id: message.message_id, data }) }) });
    previous = message;
  });
  if (!made.length) made.push({ key: "hello", version: "", draw: () => h("div", { class: "chat-hello" }, appIcon(64), h("strong", {}, world.bot.first_name), h("p", {}, "What can this bot do? Write to us as you would to a friend; a person reads it.")) });
  return made;
}

function actions(anchor, message) {
  const who = state.user;
  const entries = [{ title: "Reply", picture: icon("reply", 16), run: () => { state.reply = message; state.edit = null; context(); } }];
  entries.push({ title: "React…", picture: icon("smile", 16), run: () => emojiPicker(anchor, ({ picture }) => act(who, "telegram.react", { message_id: message.message_id, emoji: picture }), world.page.reactions) });
  if (message.customer_reaction) entries.push({ title: "Take reaction back", run: () => act(who, "telegram.react", { message_id: message.message_id }) });
  if (!message.from_bot && ["text", "photo", "document", "video"].includes(message.kind)) entries.push({ title: "Edit", picture: icon("edit", 16), run: () => { state.edit = message; state.reply = null; context(message.text); } });
  if (message.text) entries.push({ title: "Copy", run: () => navigator.clipboard?.writeText(message.text).catch(() => {}) });
  entries.push(null, { title: "Delete", picture: icon("trash", 16), danger: true, run: () => act(who, "telegram.delete", { message_id: message.message_id }) });
  menu(anchor, entries, "Message");
}

function drawPeople(people) {
  reconcile(at("phone-people"), people.map((id) => ({ key: id, version: `${id === state.user}`, id })), ({ id }) => {
    const person = world.phones.get(id);
    return h("button", { type: "button", role: "tab", class: "person", "aria-selected": String(id === state.user), on: { click: () => { state.draft.set(state.user, at("phone-text").value); state.user = id; state.reply = state.edit = null; changed("phone"); } } }, letters(person.first_name, 24), person.first_name.split(" ")[0]);
  });
}

function build(box, people) {
  state.built = state.user;
  const text = h("textarea", { id: "phone-text", rows: 1, placeholder: "Message", "aria-label": "Message as the customer on Telegram", dir: "auto", value: state.draft.get(state.user) || "" });
  text.addEventListener("input", () => { grow(text, 110); at("phone-send").classList.toggle("ready", Boolean(text.value.trim())); });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
    if (event.key === "Escape" && (state.reply || state.edit)) { state.reply = state.edit = null; context(""); }
  });
  const photo = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true, "aria-label": "Photos", on: { change: () => sendFiles("photo", photo) } });
  const file = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files", on: { change: () => sendFiles("document", file) } });
  const attach = iconButton(icon("clip", 22), "Attach", (event) => menu(event.currentTarget, [
    { title: "Photo", picture: icon("image"), run: () => photo.click() },
    { title: "File", picture: icon("file"), run: () => file.click() },
    { title: "Voice message", detail: "a placeholder of one second", picture: icon("mic"), run: voice },
    { title: "Location", picture: icon("pin"), run: () => act(state.user, "telegram.send", { kind: "location" }) },
  ], "Attach"));
  replace(box,
    h("div", { class: "people", id: "phone-people", role: "tablist", "aria-label": "Customers on Telegram", hidden: people.length < 2 }),
    h("div", { class: "phone" }, h("div", { class: "screen" },
      h("header", { class: "phone-head" }, icon("left", 22), appIcon(36), h("div", {}, h("strong", {}, world.bot.first_name), h("small", { id: "phone-state" }, "bot")), h("span", { class: "stretch" }), icon("more", 20)),
      h("div", { class: "phone-notice", id: "phone-notice", role: "status", hidden: true }),
      stickToEnd(h("div", { class: "chat", id: "chat", role: "log", tabindex: "0", "aria-label": "Chat on Telegram" })),
      h("div", { class: "phone-context", id: "phone-context", hidden: true }),
      h("div", { class: "phone-start", id: "phone-start", hidden: true }, h("button", { type: "button", on: { click: () => act(state.user, "telegram.start") } }, "Start")),
      h("div", { class: "phone-composer", id: "phone-composer" }, h("div", { class: "phone-field" }, iconButton(icon("smile", 22), "Emoji", (event) => emojiPicker(event.currentTarget, (emoji) => { text.setRangeText(emoji.picture, text.selectionStart, text.selectionEnd, "end"); text.dispatchEvent(new Event("input")); text.focus(); })), text, attach), iconButton(icon("send", 21), "Send as the customer", send, { class: "phone-send", id: "phone-send" })),
      photo, file)));
}

function context(value) {
  const box = at("phone-context");
  const text = at("phone-text");
  const about = state.edit || state.reply;
  box.hidden = !about;
  if (about) {
    replace(box, icon(state.edit ? "edit" : "reply"), h("div", {}, h("b", {}, state.edit ? "Edit message" : `Reply to ${about.from_bot ? world.bot.first_name : "yourself"}`), h("span", { dir: "auto" }, about.text || about.file_name || about.kind)), iconButton(icon("close", 16), "Cancel", () => { state.reply = state.edit = null; context(""); }));
  }
  if (value !== undefined) { text.value = value; text.dispatchEvent(new Event("input")); }
  text.focus();
}

async function send() {
  const field = at("phone-text");
  const text = field.value;
  if (!text.trim()) return;
  const { edit, reply, user } = state;
  state.edit = state.reply = null;
  context("");
  const done = edit ? await act(user, "telegram.edit", { message_id: edit.message_id, text }) : await act(user, "telegram.write", { text, reply_to: reply?.message_id });
  if (done === undefined && !field.value) { field.value = text; field.dispatchEvent(new Event("input")); }
}

async function sendFiles(kind, input) {
  const files = [...input.files];
  input.value = "";
  const large = files.find((file) => file.size > world.page.largest_file);
  if (large) { complain(`${large.name} has ${size(large.size)}; this page takes at most ${size(world.page.largest_file)}.`); return; }
  const text = at("phone-text");
  const caption = text.value.trim();
  const reply = state.reply;
  state.reply = null;
  context("");
  await act(state.user, "telegram.send", { kind, caption, reply_to: reply?.message_id }, files);
}

// Bytes that begin as a voice message does; there is nothing to hear.
function voice() {
  const bytes = new Uint8Array(2048);
  bytes.set([0x4f, 0x67, 0x67, 0x53, 0, 2]);
  act(state.user, "telegram.send", { kind: "voice" }, [new File([bytes], "voice.oga", { type: "audio/ogg" })]);
}

export const unreadOnPhones = (mark) => [...world.phones.values()].flatMap((phone) => [...phone.messages.values()]).filter((message) => message.from_bot && message.message_id > mark).length;
export const lastOnPhones = () => Math.max(0, ...[...world.phones.values()].flatMap((phone) => [...phone.messages.keys()]));
