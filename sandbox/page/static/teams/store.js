// What the page knows of the Teams sandbox, and what the visitor looks at in it.
import { changed, joinSource, world } from "../store.js";

export const desk = {
  present: false,
  page: { agents: [], rooms: [], actions: [], searches: [] },
  organisation: "",
  app: { id: "", name: "Threadbridge" },
  people: new Map(),
  teams: new Map(),
  rooms: new Map(),
  chats: new Map(),
  targeted: new Map(),
  dialogs: new Map(),
  // What the app said in place of a dialog, by person.
  sentences: new Map(),
  // Cards that one person sees in place of everybody's: by person and message.
  views: new Map(),
  typing: new Map(),
  // Where a link led to, until it is in view.
  shown: "",
};

// Each agent has her own place, drafts and marks of what she has read.
export const look = { agent: "", places: new Map(), drafts: new Map(), read: new Map(), editing: "", starting: "", open: new Set(), replying: new Map() };

joinSource("teams", { picture, change });

function picture(snapshot, page) {
  desk.present = Boolean(snapshot);
  if (!snapshot) return;
  desk.page = page;
  // A tenant has no name here; the team is the one that also has the workspace beside.
  desk.organisation = world.team.name || "";
  desk.app = { id: snapshot.app.bot_id, name: snapshot.app.name };
  desk.people = new Map(snapshot.users.map((user) => [user.id, user]));
  desk.teams = new Map(snapshot.teams.map((team) => [team.id, team]));
  desk.rooms = new Map(snapshot.channels.map((room) => [room.id, { ...room, messages: messagesOf(room) }]));
  desk.chats = new Map(snapshot.chats.map((chat) => [chat.user, { ...chat, messages: messagesOf(chat) }]));
  desk.targeted = new Map();
  for (const message of Object.values(snapshot.targeted).flat()) takeTargeted(message);
  desk.dialogs = new Map();
  for (const dialog of snapshot.dialogs) NEWS.dialog({ user: dialog.user, dialog });
  desk.views = new Map();
  for (const { user, message, card } of snapshot.views) desk.views.set(`${user}:${message}`, card);
  desk.typing = new Map();
  for (const typing of snapshot.typing) NEWS.typing(typing);
}

function change(news) {
  NEWS[news.type]?.(news);
}

const NEWS = {
  message({ room, message }) {
    const place = desk.rooms.get(room) || [...desk.chats.values()].find((chat) => chat.id === room);
    // A card of one's own lasts until the app changes the message for everybody.
    if (place?.messages.get(message.id)?.modified !== message.modified) for (const key of [...desk.views.keys()]) if (key.endsWith(`:${message.id}`)) desk.views.delete(key);
    place?.messages.set(message.id, read(message));
    if (message.is_bot) desk.typing.delete(`${room}:${message.root === message.id ? "" : message.root}`);
  },
  targeted({ message }) { takeTargeted(message); },
  view({ user, message, card }) { desk.views.set(`${user}:${message}`, card); },
  dialog({ user, dialog }) { if (dialog) desk.dialogs.set(user, { ...dialog, version: JSON.stringify(dialog) }); else desk.dialogs.delete(user); },
  channel({ channel }) { desk.rooms.set(channel.id, { ...channel, messages: desk.rooms.get(channel.id)?.messages || new Map() }); },
  chat({ chat }) { desk.chats.set(chat.user, { ...chat, messages: desk.chats.get(chat.user)?.messages || new Map() }); },
  typing({ room, root, until }) {
    desk.typing.set(`${room}:${root}`, until * 1000);
    setTimeout(() => changed("teams"), Math.max(0, until * 1000 - Date.now()) + 50);
  },
  team({ team }) { desk.teams.set(team.id, team); },
  user({ user }) { desk.people.set(user.id, user); },
};

const messagesOf = (place) => new Map((place.messages || []).map((message) => [message.id, read(message)]));

function takeTargeted(raw) {
  const message = read(raw);
  if (message.deleted) desk.targeted.delete(message.id);
  else desk.targeted.set(message.id, message);
}

// A message as this page draws it. `root` is "" on the one that heads its thread.
function read(raw) {
  const address = (file) => `/file/teams/${encodeURIComponent(file.id)}`;
  const isPicture = (file) => /^image\/(png|jpeg|gif|webp)$/.test(file.mime);
  const inText = (raw.files || []).filter((file) => file.inline && isPicture(file));
  const beside = (raw.files || []).filter((file) => !inText.includes(file));
  return {
    id: raw.id,
    room: raw.room,
    root: raw.root === raw.id ? "" : raw.root,
    from: raw.from.id,
    html: raw.html || "",
    text: raw.text || "",
    attachments: [...(raw.attachments || []).map(attachmentOf), ...beside.map((file) => ({ type: file.mime, name: file.name, size: file.size, file: address(file) }))],
    pictures: new Map(inText.map((file) => [file.id, address(file)])),
    reactions: Object.entries(raw.reactions || {}).map(([type, users]) => ({ type, users })),
    quote: raw.quote || "",
    at: new Date(raw.created * 1000),
    order: raw.created,
    modified: raw.modified,
    edited: raw.edited,
    deleted: raw.deleted,
    to: raw.to || "",
    version: JSON.stringify(raw),
  };
}

// An attachment as it went over the wire; a picture inside it is shown from there.
export function attachmentOf(raw) {
  const inside = /^data:image\/(png|jpeg|gif|webp);base64,/.test(raw.contentUrl || "") ? raw.contentUrl : "";
  return { type: raw.contentType, content: raw.content, name: raw.name || "", picture: inside, preview: raw.preview ? attachmentOf(raw.preview) : null, raw };
}

export function placeOf(agent = look.agent) {
  if (!look.places.has(agent)) look.places.set(agent, { view: "room", room: desk.page.rooms[0] || [...desk.rooms.keys()][0] || "" });
  return look.places.get(agent);
}

export function go(change) {
  Object.assign(placeOf(), change);
  changed("teams");
}

export const nameOf = (id) => (id === desk.app.id ? desk.app.name : desk.people.get(id)?.name || id);
export const firstName = (id) => nameOf(id).split(" ")[0];
export const isApp = (message) => message.from === desk.app.id;
export const roomOf = (id) => desk.rooms.get(id);
export const teamOf = (room) => desk.teams.get(room.team) || { id: room.team, name: "Team" };
export const chatOf = (agent) => desk.chats.get(agent)?.messages || new Map();
export const isTyping = (room, root) => (desk.typing.get(`${room}:${root}`) || 0) > Date.now();
export const inOrder = (one, other) => one.order - other.order || (one.id < other.id ? -1 : 1);

// Why nobody can write in a room any more; "" while everybody can.
export function closedBecause(room) {
  if (room.deleted) return "This channel was deleted. An owner can restore it.";
  if (teamOf(room).deleted) return "This team was deleted.";
  if (teamOf(room).archived) return "This team is archived. Nobody can post in it.";
  return "";
}

// Read marks: by agent and place, when the last message seen there was written.
export const readMark = (agent, place) => look.read.get(`${agent}:${place}`) || 0;
export function markRead(agent, place, order) {
  if (readMark(agent, place) >= order) return false;
  look.read.set(`${agent}:${place}`, order);
  return true;
}

function unread(agent, place, messages) {
  const mark = readMark(agent, place);
  let number = 0;
  for (const message of messages.values()) if (message.order > mark && message.from !== agent && !message.deleted) number += 1;
  return number;
}
export const unreadInRoom = (agent, room) => unread(agent, room.id, room.messages);
export const unreadInChat = (agent) => unread(agent, "chat", chatOf(agent));
