// The customers' mail program: threads, reading, writing and answering with attachments.
import { letters } from "./avatar.js";
import { h, iconButton, reconcile, replace } from "./dom.js";
import { icon } from "./icons.js";
import { act, complain } from "./live.js";
import { boxOf, changed, on, world } from "./store.js";
import { fullTime, shortWhen, size } from "./words.js";

const at = (id) => document.getElementById(id);
const state = { address: "", thread: "", writing: false, read: new Set(), drawn: "" };

export function begin() {
  on("mail page", draw);
}

function draw() {
  if (!world.ready) return;
  const people = world.page.correspondents;
  const box = at("email");
  if (!people.length) {
    replace(box, h("div", { class: "empty" }, h("p", {}, "No customer here has a mailbox.")));
    return;
  }
  if (!people.some((person) => person.address === state.address)) state.address = people[0].address;
  if (!at("mail-body")) replace(box, h("div", { class: "people", id: "mail-people", role: "tablist", "aria-label": "Customers with mail", hidden: people.length < 2 }), h("div", { class: "mail", id: "mail-body" }));
  reconcile(at("mail-people"), people.map((person) => ({ key: person.address, version: `${person.address === state.address}`, person })), ({ person }) => h("button", { type: "button", role: "tab", class: "person", "aria-selected": String(person.address === state.address), on: { click: () => { Object.assign(state, { address: person.address, thread: "", writing: false }); changed("mail"); } } }, letters(person.name, 24), person.name.split(" ")[0]));
  const threads = threadsOf(state.address);
  const open = threads.find((thread) => thread.id === state.thread);
  const mode = state.writing ? "new" : open ? `thread:${open.id}` : "list";
  const drawn = `${state.address}|${mode}`;
  const body = at("mail-body");
  if (state.drawn !== drawn) {
    state.drawn = drawn;
    if (state.writing) replace(body, writer());
    else if (open) replace(body, reader(open));
    else replace(body, listing());
  }
  if (open && !state.writing) drawLetters(open);
  else if (!state.writing) drawList(threads);
}

const me = () => world.page.correspondents.find((person) => person.address === state.address);

// Letters that answer each other stand together, as in any mail program.
export function threadsOf(address) {
  const folders = boxOf(address);
  const all = [];
  for (const folder of ["INBOX", "Sent"]) for (const mail of folders.get(folder)?.values() || []) all.push({ ...mail, folder });
  all.sort((one, other) => one.received_at.localeCompare(other.received_at));
  const byId = new Map();
  const threads = [];
  for (const mail of all) {
    const subject = plainSubject(mail.subject);
    const thread = byId.get(mail.in_reply_to) || (mail.in_reply_to && threads.find((entry) => entry.subject === subject)) || null;
    const found = thread || { id: `${mail.folder}${mail.uid}`, subject, mails: [] };
    if (!thread) threads.push(found);
    found.mails.push(mail);
    if (mail.message_id) byId.set(mail.message_id, found);
  }
  return threads.sort((one, other) => other.mails.at(-1).received_at.localeCompare(one.mails.at(-1).received_at));
}

const plainSubject = (subject) => (subject || "").replace(/^\s*((re|aw|fwd?|sv|antw)\s*:\s*)+/i, "").trim();
const nameIn = (from) => /^"?([^"<]*?)"?\s*<[^>]+>$/.exec(from)?.[1] || from;
const addressIn = (from) => /<([^>]+)>/.exec(from)?.[1] || from;
const keyOf = (mail) => `${state.address}/${mail.folder}/${mail.uid}`;
const isNew = (mail) => mail.folder === "INBOX" && !state.read.has(keyOf(mail));
export const unreadMails = () => world.page.correspondents.reduce((sum, { address }) => sum + [...(boxOf(address).get("INBOX")?.keys() || [])].filter((uid) => !state.read.has(`${address}/INBOX/${uid}`)).length, 0);

function listing() {
  return [h("header", { class: "mail-head" }, h("div", {}, h("h2", {}, "Inbox"), h("small", {}, state.address)), h("button", { type: "button", class: "compose", on: { click: () => { state.writing = true; changed("mail"); } } }, icon("pen", 17), "New message")), h("div", { class: "mail-list", id: "mail-list" })];
}

function drawList(threads) {
  const items = threads.map((thread) => {
    const last = thread.mails.at(-1);
    const fresh = thread.mails.some(isNew);
    return { key: thread.id, version: `${fresh}${thread.mails.length}${last.uid}`, thread, last, fresh };
  });
  if (!items.length) items.push({ key: "none", version: state.address });
  reconcile(at("mail-list"), items, ({ thread, last, fresh }) => {
    if (!thread) return h("div", { class: "empty" }, h("span", { class: "empty-mark" }, icon("mail", 30)), h("strong", {}, "Nothing here yet"), h("p", {}, `Write to ${world.page.support_address} and see the mail become a thread on the right.`));
    const who = [...new Set(thread.mails.map((mail) => (mail.folder === "Sent" ? "me" : nameIn(mail.from))))].join(", ");
    return h("button", { type: "button", class: fresh ? "mail-row fresh" : "mail-row", on: { click: () => { state.thread = thread.id; changed("mail"); } } }, letters(nameIn(thread.mails.find((mail) => mail.folder === "INBOX")?.from || me().name), 38), h("span", { class: "mail-words" }, h("span", { class: "mail-who" }, who, thread.mails.length > 1 && h("small", {}, ` ${thread.mails.length}`)), h("span", { class: "mail-subject", dir: "auto" }, last.subject || "(no subject)"), h("span", { class: "mail-preview", dir: "auto" }, bodyOf(last).fresh.slice(0, 140))), h("span", { class: "mail-when" }, shortWhen(new Date(last.received_at)), last.attachments.length > 0 && icon("clip", 15)));
  });
}

function reader(thread) {
  return [h("header", { class: "mail-head reading" }, iconButton(icon("left", 20), "Back to the inbox", () => { state.thread = ""; changed("mail"); }), h("h2", { dir: "auto" }, thread.subject || "(no subject)")), h("div", { class: "letter-list", id: "letters", tabindex: "0" }), answer()];
}

function drawLetters(thread) {
  for (const mail of thread.mails) state.read.add(keyOf(mail));
  const box = at("letters");
  const before = box.childElementCount;
  reconcile(box, thread.mails.map((mail) => ({ key: keyOf(mail), version: "", mail })), ({ mail }) => letter(mail));
  if (box.childElementCount !== before) box.scrollTop = before ? box.scrollHeight : box.lastElementChild.offsetTop - box.offsetTop - 8;
  changed("ui");
}

function letter(mail) {
  const { fresh, quoted } = bodyOf(mail);
  const mine = mail.folder === "Sent";
  const rest = h("div", { class: "quoted", hidden: true, dir: "auto" }, quoted);
  return h("article", { class: "letter" },
    h("header", {}, letters(mine ? me().name : nameIn(mail.from), 36), h("div", {}, h("strong", { dir: "auto" }, mine ? me().name : nameIn(mail.from)), h("small", {}, `${mine ? "to" : `<${addressIn(mail.from)}> to`} ${mine ? addressIn(mail.to) : "me"}`)), h("time", { title: fullTime(new Date(mail.received_at)) }, shortWhen(new Date(mail.received_at)))),
    h("div", { class: "letter-text", dir: "auto" }, fresh),
    quoted && h("button", { type: "button", class: "ellipsis", "aria-label": "Show quoted text", title: "Show quoted text", on: { click: () => { rest.hidden = !rest.hidden; } } }, "•••"), quoted && rest,
    mail.attachments.length > 0 && h("div", { class: "letter-files" }, mail.attachments.map((file, number) => h("a", { class: "chip", target: "_blank", rel: "noopener", href: `/file/mail/${encodeURIComponent(state.address)}/${mail.folder}/${mail.uid}/${number}` }, icon(/^image/.test(file.mime) ? "image" : "file", 16), h("span", {}, file.name || "Attachment"), h("small", {}, size(file.size))))));
}

// The words of a mail, what it quotes apart. HTML is only read for its words and never shown.
export function bodyOf(mail) {
  const text = mail.text || (mail.html ? new DOMParser().parseFromString(mail.html, "text/html").body.textContent : "");
  const lines = text.replace(/\r/g, "").trim().split("\n");
  const start = lines.findIndex((line, number) => line.startsWith(">") || (/^On .{6,200}wrote:$/.test(line) && (lines[number + 1] || lines[number + 2] || "").startsWith(">")));
  if (start < 1) return { fresh: lines.join("\n"), quoted: "" };
  return { fresh: lines.slice(0, start).join("\n").trimEnd(), quoted: lines.slice(start).join("\n") };
}

// A field for words and files with its button; `send` gets both.
function field(label, send, rows = 12) {
  let files = [];
  const text = h("textarea", { class: "mail-text", "aria-label": label, placeholder: label, dir: "auto", rows });
  const shelf = h("div", { class: "attached" });
  const choose = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Attachments", on: { change: () => { attach([...choose.files]); choose.value = ""; } } });
  function attach(more) {
    for (const file of more) {
      if (file.size > world.page.largest_file) complain(`${file.name} has ${size(file.size)}; this page takes at most ${size(world.page.largest_file)}.`);
      else files.push(file);
    }
    replace(shelf, files.map((file) => h("span", { class: "chip" }, icon("file", 16), h("span", {}, file.name), h("small", {}, size(file.size)), iconButton(icon("close", 13), `Remove ${file.name}`, () => { files = files.filter((other) => other !== file); attach([]); }))));
  }
  const go = h("button", { type: "button", class: "compose", on: { click: async () => {
    go.disabled = true;
    if (await send(text.value, files)) { text.value = ""; files = []; attach([]); }
    go.disabled = false;
  } } }, icon("plane", 16), "Send");
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); go.click(); } });
  return { text, node: h("div", { class: "mail-field" }, text, shelf, h("div", { class: "mail-buttons" }, go, iconButton(icon("clip", 20), "Attach files", () => choose.click()), h("small", { class: "muted" }, "Ctrl + Enter sends"), choose)) };
}

function writer() {
  const subject = h("input", { class: "mail-subject-field", type: "text", placeholder: "Subject", "aria-label": "Subject", dir: "auto", maxlength: 500 });
  const made = field("Write your message", async (text, files) => {
    if (!text.trim() && !files.length && !subject.value.trim()) { made.text.focus(); return false; }
    const sent = await act(state.address, "mail.write", { subject: subject.value, text }, files);
    if (sent === undefined) return false;
    state.writing = false;
    changed("mail");
    return true;
  });
  requestAnimationFrame(() => subject.focus());
  return [h("header", { class: "mail-head reading" }, iconButton(icon("left", 20), "Back to the inbox", () => { state.writing = false; changed("mail"); }), h("h2", {}, "New message")), h("div", { class: "mail-to" }, h("span", {}, "To"), h("b", {}, world.page.support_address)), subject, made.node];
}

function answer() {
  const made = field("Reply", async (text, files) => {
    const thread = threadsOf(state.address).find((entry) => entry.id === state.thread);
    if (!thread || (!text.trim() && !files.length)) return false;
    const last = thread.mails.findLast((mail) => mail.folder === "INBOX") || thread.mails.at(-1);
    const quoted = `On ${fullTime(new Date(last.received_at))}, ${nameIn(last.from)} wrote:\n${bodyOf(last).fresh.split("\n").map((line) => `> ${line}`).join("\n")}`;
    const chain = thread.mails.map((mail) => mail.message_id).filter(Boolean);
    const to = last.folder === "INBOX" ? addressIn(last.reply_to || last.from) : addressIn(last.to);
    const sent = await act(state.address, "mail.write", { to, subject: `Re: ${thread.subject}`, text: `${text}\n\n${quoted}\n`, in_reply_to: last.message_id, references: chain }, files);
    return sent !== undefined;
  }, 3);
  return made.node;
}
