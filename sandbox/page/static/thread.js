// The thread pane: the opening post, its replies, who is typing, and the field to answer.
import { composerFor } from "./composer.js";
import { h, iconButton, reconcile, replace, stickToEnd } from "./dom.js";
import { icon } from "./icons.js";
import { rows } from "./message.js";
import { byTs, changed, go, markRead, nameOf, placeOf, readMark, threadOf, ui, world } from "./store.js";
import { count } from "./words.js";
import { drawRow, post } from "./workspace.js";

const at = (id) => document.getElementById(id);
let shown = "";
let newFrom = "";

export function drawThread() {
  const place = placeOf();
  const box = at("thread");
  const channel = world.channels.get(place.room);
  const root = channel?.messages.get(place.thread);
  if (place.home || !root) {
    shown = "";
    box.hidden = true;
    if (place.thread && channel && !place.home) place.thread = "";
    at("team").classList.remove("thread-open");
    replace(box);
    return;
  }
  box.hidden = false;
  const key = `${ui.agent}:${place.room}:${place.thread}`;
  const replies = threadOf(channel, root.ts);
  const private_ = world.ephemerals.filter((entry) => entry.to === ui.agent && entry.channel === channel.id && entry.thread_ts === root.ts);
  const messages = [...replies, ...private_].sort(byTs);
  if (shown !== key) {
    shown = key;
    const mark = readMark(ui.agent, root.ts);
    newFrom = mark ? messages.find((message) => message.ts > mark && message.user !== ui.agent)?.ts || "" : "";
    build(box, channel, root);
  }
  const list = at("thread-messages");
  const items = [...rows([root], { channel, inThread: true, days: false })];
  if (messages.length) items.push({ key: "count", version: String(messages.length), count: replies.length });
  items.push(...rows(messages, { channel, inThread: true, days: false, unreadFrom: newFrom }));
  reconcile(list, items, (row) => ("count" in row ? h("div", { class: "reply-count", role: "separator" }, count(row.count, "reply", "replies")) : drawRow(row)));
  typing(channel, root);
  const last = messages.at(-1)?.ts || root.ts;
  if (!document.hidden && box.offsetParent && markRead(ui.agent, root.ts, last)) changed("ui");
}

function build(box, channel, root) {
  const also = h("input", { type: "checkbox" });
  const composer = composerFor({
    label: "Reply",
    placeholder: "Reply…",
    draft: `${ui.agent}:${root.ts}`,
    below: h("label", { class: "also" }, also, "Also send to ", h("b", {}, `#${channel.name}`)),
    send: async (text, files) => {
      const taken = await post(channel.id, text, files, { thread_ts: root.ts, broadcast: also.checked });
      if (taken) also.checked = false;
      return taken;
    },
  });
  replace(box,
    h("header", { class: "pane-head" }, h("h2", {}, "Thread"), h("span", { class: "topic" }, `# ${channel.name}`), iconButton(icon("close"), "Close thread", () => go({ thread: "" }))),
    stickToEnd(h("div", { class: "messages", id: "thread-messages", role: "log", "aria-label": "Thread", tabindex: "0" })),
    h("div", { class: "foot" }, channel.is_archived ? h("div", { class: "archived" }, icon("lock", 15), "This channel is archived.") : composer.node, h("div", { class: "typing", id: "typing", "aria-live": "polite" })));
}

function typing(channel, root) {
  const status = world.typing.get(`${channel.id}:${root.ts}`);
  const alive = status?.status && (!status.until || status.until * 1000 > Date.now());
  const line = at("typing");
  if (line) replace(line, alive && [h("span", { class: "dots" }, h("i"), h("i"), h("i")), h("b", {}, status.username || nameOf(world.app.bot_user_id)), ` ${status.status}`]);
}
