// One thread of a channel: its root, the latest replies, what is only for this agent, and the box to answer.
import { h, reconcile, replace } from "../dom.js";
import { icon } from "../icons.js";
import { act } from "../live.js";
import { changed } from "../store.js";
import { count } from "../words.js";
import { composerFor } from "./composer.js";
import { drawMessage, versionOf } from "./message.js";
import { closedBecause, desk, firstName, inOrder, isTyping, look, readMark } from "./store.js";

// As many replies as Teams shows before a thread is opened.
const LATEST = 2;

export function buildThread(room, root) {
  const items = h("div", { class: "t-thread-items" });
  const line = h("div", { class: "t-typing", "aria-live": "polite", hidden: true });
  const foot = h("div", { class: "t-thread-foot" });
  const node = h("section", { class: "t-thread", data: { root }, "aria-label": "Thread" }, items, line, foot);
  node.update = (thread) => {
    reconcile(items, rows(thread, room), (row) => row.draw());
    const closed = Boolean(closedBecause(room));
    const version = `${look.agent}${look.replying.get(look.agent) === root}${closed}`;
    if (foot.__version !== version) {
      foot.__version = version;
      drawFoot(foot, room, root, closed);
    }
    node.classList.toggle("fresh", thread.fresh);
    node.setAttribute("aria-label", `Thread, ${count(thread.replies.length, "reply", "replies")}`);
    const typing = isTyping(room.id, root);
    line.hidden = !typing;
    if (typing) replace(line, typingLine());
  };
  return node;
}

export const typingLine = () => [h("span", { class: "dots" }, h("i"), h("i"), h("i")), `${desk.app.name} is typing…`];

// The threads of a room in the order in which they began, each with its replies and what this agent alone may see.
export function threadsOf(room) {
  const threads = new Map();
  for (const message of [...room.messages.values()].sort(inOrder)) {
    if (!message.root) threads.set(message.id, { root: message, replies: [], mine: [] });
    else threads.get(message.root)?.replies.push(message);
  }
  for (const message of desk.targeted.values()) {
    if (message.to === look.agent && message.room === room.id) threads.get(message.root)?.mine.push(message);
  }
  const mark = readMark(look.agent, room.id);
  return [...threads.values()].filter((thread) => !thread.root.deleted || thread.replies.length || thread.root.from === look.agent).map((thread) => ({
    ...thread, fresh: [thread.root, ...thread.replies].some((message) => message.order > mark && message.from !== look.agent),
  }));
}

function rows({ root, replies, mine }, room) {
  const place = { room: room.id };
  const row = (message, isRoot = false) => ({
    key: `${message.to}${message.id}`, version: versionOf(message),
    draw: () => drawMessage({ message, place, root: isRoot }),
  });
  const open = look.open.has(root.id);
  const shown = open ? replies : replies.slice(-LATEST);
  const hidden = replies.length - shown.length;
  const made = [row(root, true)];
  if (hidden > 0) made.push({ key: "more", version: String(hidden), draw: () => toggle(root.id, true, `Open ${count(hidden, "reply", "replies")}`, writers(replies)) });
  else if (open && replies.length > LATEST) made.push({ key: "fewer", version: "", draw: () => toggle(root.id, false, "Collapse all") });
  return [...made, ...[...shown, ...mine].sort(inOrder).map((message) => row(message))];
}

function toggle(root, open, words, detail = "") {
  return h("button", { type: "button", class: "t-more-replies", "aria-expanded": String(!open), on: { click: () => { if (open) look.open.add(root); else look.open.delete(root); changed("teams"); } } }, icon(open ? "down" : "up", 14), h("b", {}, words), detail && h("span", {}, detail));
}

function writers(replies) {
  const names = [...new Set(replies.map((message) => firstName(message.from)))];
  return names.length > 3 ? `from ${names.slice(0, 2).join(", ")} and ${names.length - 2} others` : `from ${names.join(" and ")}`;
}

function drawFoot(foot, room, root, closed) {
  if (closed) {
    replace(foot);
    return;
  }
  if (look.replying.get(look.agent) !== root) {
    const open = h("button", { type: "button", class: "t-reply-button", on: { click: () => { look.replying.set(look.agent, root); changed("teams"); requestAnimationFrame(() => foot.querySelector("textarea")?.focus()); } } }, icon("reply", 15), "Reply");
    replace(foot, open);
    if (look.drafts.get(`${look.agent}:${root}`)) open.append(h("em", {}, "Draft"));
    return;
  }
  const composer = composerFor({
    label: "Reply", placeholder: "Reply", draft: `${look.agent}:${root}`, search: { room: room.id, root },
    send: (text, files, card) => post(room, text, files, card, root),
  });
  replace(foot, composer.node);
  // Put where the reader looks, and read by hand as soon as it stands.
  requestAnimationFrame(() => { if (!document.hidden && foot.isConnected) composer.area.focus({ preventScroll: true }); });
}

// Posts words and files, or the card that the app's search brought; resolves to whether Teams took it.
export async function post(room, text, files, card, root) {
  const place = { room: room.id, ...(root ? { root } : {}) };
  if (card && (await act(look.agent, "teams.insert", { ...place, text, attachment: card.raw })) === undefined) return false;
  if (card && !files.length) return true;
  return (await act(look.agent, "teams.post", { ...place, text: card ? "" : text }, files)) !== undefined;
}
