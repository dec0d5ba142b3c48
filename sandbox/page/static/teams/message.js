// One message: who, when, what, reactions, and what can be done with it.
import { appIcon } from "../avatar.js";
import { h, iconButton } from "../dom.js";
import { icon } from "../icons.js";
import { act } from "../live.js";
import { emojiPicker, menu, toast } from "../menu.js";
import { changed } from "../store.js";
import { clock, fullTime } from "../words.js";
import { drawBody } from "./body.js";
import { composerFor } from "./composer.js";
import { typedAgain } from "./html.js";
import { face } from "./people.js";
import { pressed, told } from "./press.js";
import { nameOf as reactionName, OFFERED, pictureOf, QUICK } from "./reactions.js";
import { desk, isApp, look, nameOf } from "./store.js";
import { opened } from "./links.js";

const CARD = "application/vnd.microsoft.card.adaptive";
const unfolded = new Set();

// Changes whenever a message must be drawn again.
export const versionOf = (message) => `${look.agent}${look.editing === message.id}${nameOf(message.from)}${message.version}${JSON.stringify(desk.views.get(`${look.agent}:${message.id}`) || "")}`;

// `place` is {room} or {chat}; `root` says that it heads its thread.
export function drawMessage({ message, place, root = false }) {
  if (message.deleted) return gone(message, place, root);
  const editing = look.editing === message.id;
  const where = { agent: look.agent, key: message.id, unfolded, openUrl: opened, press: (action, inputs) => pressed(message, place, action, inputs) };
  const name = nameOf(message.from);
  return h("article", { class: ["t-message", root && "t-root", message.to && "t-targeted", isApp(message) && "t-app"].filter(Boolean).join(" "), tabindex: "-1", data: { id: message.id }, "aria-label": `${name}, ${fullTime(message.at)}` },
    h("div", { class: "t-gutter" }, isApp(message) ? appIcon(32, "hex") : face(message.from, 32)),
    h("div", { class: "t-content" },
      message.to && h("div", { class: "t-only-you" }, icon("eye", 14), "Only you can see this message"),
      h("header", {}, h("span", { class: "t-author", dir: "auto" }, name), h("time", { datetime: message.at.toISOString(), title: fullTime(message.at) }, clock(message.at)), message.edited && !isApp(message) && h("span", { class: "t-edited" }, "Edited")),
      editing ? editField(message, place) : drawBody(seen(message), where),
      reactions(message, place)),
    !message.to && !editing && toolbar(message, place));
}

// After a press, the app may show one person a card of her own.
function seen(message) {
  const own = desk.views.get(`${look.agent}:${message.id}`);
  return own ? { ...message, attachments: message.attachments.map((entry) => (entry.type === CARD ? { ...entry, content: own } : entry)) } : message;
}

function gone(message, place, root) {
  const mine = message.from === look.agent;
  return h("article", { class: root ? "t-message t-root t-gone" : "t-message t-gone", data: { id: message.id } },
    h("div", { class: "t-gutter" }, isApp(message) ? appIcon(32, "hex") : face(message.from, 32)),
    h("div", { class: "t-content" }, h("header", {}, h("span", { class: "t-author", dir: "auto" }, nameOf(message.from)), h("time", {}, clock(message.at))),
      h("p", {}, icon("trash", 15), "This message has been deleted.", mine && h("button", { type: "button", class: "t-link", on: { click: () => act(look.agent, "teams.restore", { ...place, id: message.id }) } }, "Undo"))));
}

function reactions(message, place) {
  if (!message.reactions.length) return null;
  return h("div", { class: "t-reactions" }, message.reactions.map(({ type, users }) => {
    const mine = users.includes(look.agent);
    const who = users.map((id) => (id === look.agent ? "You" : nameOf(id))).join(", ");
    return h("button", { type: "button", class: mine ? "t-reaction mine" : "t-reaction", title: `${who}: ${reactionName(type)}`, "aria-label": `${reactionName(type)}, ${users.length}`, "aria-pressed": String(mine), on: { click: () => react(message, place, type) } }, h("span", {}, pictureOf(type)), h("b", {}, users.length));
  }));
}

const has = (message, type) => message.reactions.some((entry) => entry.type === type && entry.users.includes(look.agent));
const react = (message, place, type) => act(look.agent, "teams.react", { ...place, id: message.id, type, remove: has(message, type) });

function toolbar(message, place) {
  const mine = message.from === look.agent;
  return h("div", { class: "t-toolbar", role: "toolbar", "aria-label": "Message actions" },
    QUICK.map((type) => h("button", { type: "button", class: "icon-button", title: reactionName(type), "aria-label": `React with ${reactionName(type)}`, on: { click: () => react(message, place, type) } }, h("span", { class: "emoji" }, pictureOf(type)))),
    iconButton(icon("smile"), "More reactions", (event) => emojiPicker(event.currentTarget, ({ picture }) => react(message, place, OFFERED.find((type) => pictureOf(type) === picture)), OFFERED.map(pictureOf))),
    mine && iconButton(icon("edit", 16), "Edit", () => edit(message)),
    iconButton(h("span", { class: "dots-across", "aria-hidden": "true" }, "···"), "More options", (event) => more(event.currentTarget, message, place)));
}

function edit(message) {
  look.editing = message.id;
  changed("teams");
}

function more(anchor, message, place) {
  const mine = message.from === look.agent;
  const entries = [];
  if (desk.page.actions.length && place.room) {
    entries.push({ heading: desk.app.name });
    for (const { title, command } of desk.page.actions) {
      entries.push({ title, picture: appIcon(20), run: async () => told(await act(look.agent, "teams.message_action", { ...place, id: message.id, command })) });
    }
    entries.push(null);
  }
  entries.push({ title: "Copy text", run: () => navigator.clipboard?.writeText(message.html ? typedAgain(message.html) : message.text).then(() => toast("Copied."), () => {}) });
  if (mine) {
    entries.push(null, { title: "Edit", picture: icon("edit", 16), run: () => edit(message) });
    entries.push({ title: "Delete", picture: icon("trash", 16), danger: true, run: () => act(look.agent, "teams.delete", { ...place, id: message.id }) });
  }
  menu(anchor, entries, "More options");
}

function editField(message, place) {
  const end = () => { look.editing = ""; changed("teams"); };
  return composerFor({
    label: "Edit message",
    value: message.html ? typedAgain(message.html) : message.text,
    cancel: end,
    save: "Done",
    send: async (text) => {
      const done = await act(look.agent, "teams.edit", { ...place, id: message.id, text });
      if (done !== undefined) end();
      return done !== undefined;
    },
  }).node;
}
