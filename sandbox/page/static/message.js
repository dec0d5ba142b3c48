// One message of the workspace: who, when, what, files, reactions, its thread, and what can be done with it.
import { appIcon, face } from "./avatar.js";
import { messageBody } from "./blocks.js";
import { composerFor } from "./composer.js";
import { h, iconButton } from "./dom.js";
import { pictureOf } from "./emoji.js";
import { openUrl } from "./home.js";
import { icon } from "./icons.js";
import { act, interact } from "./live.js";
import { ask, emojiPicker, menu, toast } from "./menu.js";
import { channelLink } from "./richtext.js";
import { changed, go, isReply, nameOf, readMark, ui, world } from "./store.js";
import { textOfMessage } from "./unparse.js";
import { typed } from "./editor.js";
import { clock, count, fullTime, lastReply, size, timeOf } from "./words.js";

const QUICK = ["white_check_mark", "eyes", "raised_hands"];
const CLOSE = 300;

export const isApp = (message) => Boolean(message.bot_id);
export const authorOf = (message) => message.username || (isApp(message) ? world.app.name && nameOf(world.app.bot_user_id) : nameOf(message.user));
const isJoin = (message) => /_(join|leave)$/.test(message.subtype || "");

// The same author soon afterwards needs no second picture.
export function follows(previous, message) {
  if (!previous || isJoin(message) || isJoin(previous) || message.subtype === "tombstone" || previous.subtype === "tombstone") return false;
  if (previous.reply_count || message.subtype === "thread_broadcast") return false;
  return authorOf(previous) === authorOf(message) && isApp(previous) === isApp(message) && message.ts - previous.ts < CLOSE && !message.is_ephemeral && !previous.is_ephemeral;
}

// Rows of a list: days, the line above what is new, and messages.
export function rows(messages, { channel, inThread = false, unreadFrom = "", days = true }) {
  const made = [];
  let previous = null;
  let day = "";
  for (const message of messages) {
    const date = timeOf(message.ts);
    const today = date.toDateString();
    if (days && today !== day) {
      made.push({ key: `day-${today}`, version: "", day: date });
      previous = null;
    }
    day = today;
    if (unreadFrom && message.ts === unreadFrom) {
      made.push({ key: "new", version: "", isNew: true });
      previous = null;
    }
    const editing = ui.editing?.ts === message.ts && ui.editing.inThread === inThread;
    const compact = follows(previous, message);
    const fresh = !inThread && Boolean(message.reply_count) && message.latest_reply > readMark(ui.agent, message.ts) && channel.messages.get(message.latest_reply)?.user !== ui.agent;
    made.push({ key: message.is_ephemeral ? `e${message.ts}` : message.ts, version: `${ui.agent}${compact}${editing}${fresh}${JSON.stringify(message)}`, message, compact, editing, fresh, channel, inThread });
    previous = message;
  }
  return made;
}

export function drawMessage(row) {
  const { message, compact, channel, inThread } = row;
  if (isJoin(message)) return joined(message, channel);
  if (message.subtype === "tombstone") return h("div", { class: "message tombstone" }, h("div", { class: "gutter" }, h("span", { class: "avatar gone" }, icon("trash", 18))), h("div", { class: "content" }, h("p", {}, "This message was deleted."), threadBar(row)));
  const where = { agent: ui.agent, channel: channel.id, ts: message.ts, open: go, openUrl };
  const date = timeOf(message.ts);
  const classes = ["message", compact && "compact", message.is_ephemeral && "ephemeral", row.editing && "editing", message.subtype === "thread_broadcast" && !inThread && "broadcast"];
  const body = row.editing ? editField(message, channel, inThread) : h("div", { class: "body" }, messageBody(message, where), );
  if (message.edited && !isApp(message) && !row.editing) {
    const end = [...body.querySelectorAll(":scope > .block:last-child :is(.section, li)")].at(-1) || body;
    end.append(h("span", { class: "edited", title: fullTime(timeOf(message.edited.ts)) }, " (edited)"));
  }
  return h("article", { class: classes.filter(Boolean).join(" "), tabindex: "-1", data: { ts: message.ts }, "aria-label": `${authorOf(message)}, ${fullTime(date)}` },
    message.is_ephemeral && h("div", { class: "only-you" }, icon("eye", 14), "Only visible to you"),
    message.subtype === "thread_broadcast" && h("div", { class: "only-you" }, icon("reply", 14), inThread ? ["Also sent to ", channelLink(channel.id, where)] : ["replied to a thread: ", h("button", { type: "button", class: "link", on: { click: () => go({ thread: message.thread_ts }) } }, "view thread")]),
    h("div", { class: "row" },
      h("div", { class: "gutter" }, compact ? h("time", { title: fullTime(date) }, clock(date)) : picture(message)),
      h("div", { class: "content" },
        !compact && h("header", {}, h("span", { class: "author", dir: "auto" }, authorOf(message)), isApp(message) && h("span", { class: "app-badge" }, "APP"), h("time", { datetime: date.toISOString(), title: fullTime(date) }, clock(date))),
        body,
        files(message),
        reactions(message, channel),
        message.is_ephemeral ? h("button", { type: "button", class: "link dismiss", on: { click: () => dismiss(message) } }, "Dismiss message") : threadBar(row))),
    !message.is_ephemeral && !row.editing && toolbar(row));
}

function picture(message) {
  if (!isApp(message)) return face(message.user);
  const sign = message.icons?.emoji && pictureOf(message.icons.emoji.replaceAll(":", ""));
  return sign ? h("span", { class: "avatar sign" }, sign) : appIcon();
}

function joined(message, channel) {
  const name = message.user === world.app.bot_user_id ? appIcon() : face(message.user);
  const words = message.subtype.endsWith("join") ? `joined #${channel.name || "channel"}.` : `left #${channel.name}.`;
  return h("article", { class: "message joined" }, h("div", { class: "row" }, h("div", { class: "gutter" }, name), h("div", { class: "content" }, h("header", {}, h("span", { class: "author" }, nameOf(message.user)), message.user === world.app.bot_user_id && h("span", { class: "app-badge" }, "APP"), h("time", {}, clock(timeOf(message.ts)))), h("p", {}, words))));
}

function files(message) {
  if (!message.files?.length) return null;
  return h("div", { class: "files" }, message.files.map((file) => {
    if (file.mode === "tombstone") return h("div", { class: "file gone" }, icon("trash", 16), "This file was deleted.");
    const address = `/file/slack/${encodeURIComponent(file.id)}`;
    if (/^image\/(png|jpeg|gif|webp)$/.test(file.mimetype || "")) {
      return h("figure", { class: "picture" }, h("figcaption", {}, file.title || file.name), h("a", { href: address, target: "_blank", rel: "noopener" }, h("img", { src: address, alt: file.alt_txt || file.title || file.name, loading: "lazy" })));
    }
    if (/^audio\//.test(file.mimetype || "")) return h("figure", { class: "sound" }, h("figcaption", {}, file.title || file.name), h("audio", { controls: true, preload: "none", src: address }));
    return h("a", { class: "file", href: address, target: "_blank", rel: "noopener", download: file.name }, h("span", { class: `file-icon kind-${kind(file)}` }, icon("file", 20)), h("span", { class: "file-words" }, h("strong", {}, file.title || file.name), h("small", {}, `${file.pretty_type || "File"} · ${size(file.size || 0)}`)));
  }));
}

const kind = (file) => (/pdf/.test(file.mimetype) ? "pdf" : /zip|compressed/.test(file.mimetype) ? "zip" : /sheet|csv|excel/.test(file.mimetype) ? "sheet" : "other");

function reactions(message, channel) {
  if (!message.reactions?.length) return null;
  return h("div", { class: "reactions" }, message.reactions.map(({ name, users, count: number }) => {
    const mine = users.includes(ui.agent);
    const who = users.map((id) => (id === ui.agent ? "You" : nameOf(id))).join(", ");
    return h("button", { type: "button", class: mine ? "reaction mine" : "reaction", title: `${who} reacted with :${name}:`, "aria-label": `${name}, ${number}`, "aria-pressed": String(mine), on: { click: () => react(message, channel, name, mine) } }, h("span", {}, pictureOf(name) || `:${name}:`), h("b", {}, number));
  }), iconButton(icon("smile", 16), "Add reaction", (event) => emojiPicker(event.currentTarget, ({ name }) => react(message, channel, name, has(message, name))), { class: "reaction add" }));
}

const has = (message, name) => (message.reactions || []).some((entry) => entry.name === name && entry.users.includes(ui.agent));
const react = (message, channel, name, remove) => act(ui.agent, "agent.react", { channel: channel.id, ts: message.ts, name, remove });

function threadBar({ message, inThread, fresh }) {
  if (inThread || !message.reply_count || isReply(message)) return null;
  const people = new Set((message.reply_users || []).map((id) => (id === world.app.bot_id ? world.app.bot_user_id : id)));
  const faces = [...people].slice(0, 4).map((id) => (id === world.app.bot_user_id ? appIcon(22) : face(id, 22)));
  return h("button", { type: "button", class: fresh ? "thread-bar fresh" : "thread-bar", on: { click: () => go({ thread: message.ts }) } }, h("span", { class: "faces" }, faces), h("b", {}, count(message.reply_count, "reply", "replies")), h("span", { class: "last" }, lastReply(message.latest_reply)), h("span", { class: "view" }, "View thread"), icon("right", 15));
}

function toolbar(row) {
  const { message, channel, inThread } = row;
  return h("div", { class: "toolbar", role: "toolbar", "aria-label": "Message actions" },
    QUICK.map((name) => h("button", { type: "button", class: "icon-button", title: `:${name}:`, "aria-label": `React with ${name}`, on: { click: () => react(message, channel, name, has(message, name)) } }, h("span", { class: "emoji" }, pictureOf(name)))),
    iconButton(icon("smile"), "Find another reaction", (event) => emojiPicker(event.currentTarget, ({ name }) => react(message, channel, name, has(message, name)))),
    !inThread && iconButton(icon("thread"), "Reply in thread", () => go({ thread: message.thread_ts && isReply(message) ? message.thread_ts : message.ts })),
    iconButton(icon("more"), "More actions", (event) => more(event.currentTarget, row)));
}

function more(anchor, { message, channel, inThread }) {
  const mine = !isApp(message) && message.user === ui.agent;
  const entries = [];
  if (world.page.shortcuts.length && !message.is_ephemeral) {
    entries.push({ heading: world.app.name ? nameOf(world.app.bot_user_id) : "Shortcuts" });
    for (const { title, callback_id: callback } of world.page.shortcuts) {
      entries.push({ title, picture: appIcon(20), run: () => interact(ui.agent, "agent.shortcut", { callback_id: callback, channel: channel.id, ts: message.ts }) });
    }
    entries.push(null);
  }
  entries.push({ title: "Copy text", run: () => navigator.clipboard?.writeText(textOfMessage(message)).then(() => toast("Copied."), () => {}) });
  if (mine) {
    entries.push(null, { title: "Edit message", picture: icon("edit", 16), run: () => { ui.editing = { ts: message.ts, inThread }; changed("ui"); } });
    entries.push({ title: "Delete message…", picture: icon("trash", 16), danger: true, run: () => remove(message, channel) });
  }
  menu(anchor, entries);
}

async function remove(message, channel) {
  const sure = await ask({ title: "Delete message", text: "Are you sure you want to delete this message? This cannot be undone.", yes: "Delete", danger: true });
  if (sure) await act(ui.agent, "agent.delete", { channel: channel.id, ts: message.ts });
}

function editField(message, channel) {
  const end = () => { ui.editing = null; changed("ui"); };
  return composerFor({
    label: "Edit message",
    value: textOfMessage(message),
    small: true,
    buttons: { save: "Save", cancel: end },
    send: async (text) => {
      if (!text.trim()) return false;
      const done = await act(ui.agent, "agent.edit", { channel: channel.id, ts: message.ts, text: typed(text) });
      if (done !== undefined) end();
      return done !== undefined;
    },
  }).node;
}

function dismiss(message) {
  world.ephemerals = world.ephemerals.filter((entry) => entry.ts !== message.ts);
  changed("slack");
}
