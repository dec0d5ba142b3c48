// An agent's own chat with the app: her queue, private words, and what she writes to it.
import { appIcon } from "../avatar.js";
import { h, reconcile, replace, stickToEnd } from "../dom.js";
import { icon } from "../icons.js";
import { act } from "../live.js";
import { changed } from "../store.js";
import { composerFor } from "./composer.js";
import { drawMessage, versionOf } from "./message.js";
import { typingLine } from "./thread.js";
import { chatOf, desk, inOrder, isTyping, look, markRead } from "./store.js";

const at = (id) => document.getElementById(id);
let shown = "";

export const forgetChat = () => { shown = ""; };

export function drawChat() {
  const box = at("t-pane");
  const key = look.agent;
  if (shown !== key) {
    shown = key;
    const composer = composerFor({
      label: `Message ${desk.app.name}`, placeholder: "Type a message", draft: `${look.agent}:chat`,
      send: async (text, files) => (await act(look.agent, "teams.chat", { text }, files)) !== undefined,
    });
    replace(box,
      h("header", { class: "t-head" }, h("button", { type: "button", class: "icon-button t-back", "aria-label": "All chats", on: { click: () => { at("teams").classList.toggle("listing"); } } }, icon("left")), appIcon(28, "hex"), h("h2", {}, desk.app.name), h("span", { class: "t-tab", "aria-current": "page" }, "Chat")),
      stickToEnd(h("div", { class: "t-posts t-chat", id: "t-chat", role: "log", "aria-label": `Chat with ${desk.app.name}`, tabindex: "0" }), true),
      h("div", { class: "t-foot" }, h("div", { class: "t-typing", id: "t-chat-typing", "aria-live": "polite", hidden: true }), composer.node));
  }
  const messages = [...chatOf(look.agent).values()].sort(inOrder);
  const items = messages.map((message) => ({ key: message.id, version: versionOf(message), message }));
  if (!items.length) items.push({ key: "empty", version: desk.app.name });
  reconcile(at("t-chat"), items, ({ message }) => (message ? line(message) : h("div", { class: "empty" }, appIcon(56, "hex"), h("strong", {}, desk.app.name), h("p", {}, "Your queue and words for you alone come here."))));
  const typing = isTyping(desk.chats.get(look.agent)?.id, "");
  at("t-chat-typing").hidden = !typing;
  if (typing) replace(at("t-chat-typing"), typingLine());
  const last = messages.at(-1)?.order || 0;
  if (!document.hidden && at("teams").offsetParent && markRead(look.agent, "chat", last)) setTimeout(() => changed("teams"), 0);
}

function line(message) {
  const node = drawMessage({ message, place: { chat: true } });
  if (message.from === look.agent) node.classList.add("mine");
  return node;
}
