// What the page knows of the sandboxes, and what the visitor looks at.

export const world = {
  ready: false,
  page: { agents: [], rooms: [], correspondents: [], shortcuts: [], commands: [], faults: { offered: [], on: [] } },
  team: {},
  app: {},
  users: new Map(),
  channels: new Map(),
  ephemerals: [],
  views: new Map(),
  viewErrors: new Map(),
  homes: new Map(),
  typing: new Map(),
  // By channel: the app on the customers' phones, and everybody's chat in it.
  phones: new Map(),
  mailboxes: new Map(),
};

const listeners = new Map();
const stale = new Set();
let planned = false;

// Topics: slack, teams, phone, mail, page, ui.
export function on(topics, draw) {
  for (const topic of topics.split(" ")) listeners.set(topic, [...(listeners.get(topic) || []), draw]);
}

export function changed(...topics) {
  for (const topic of topics) stale.add(topic);
  if (planned) return;
  planned = true;
  setTimeout(() => {
    planned = false;
    const draws = new Set([...stale].flatMap((topic) => listeners.get(topic) || []));
    stale.clear();
    for (const draw of draws) draw();
  });
}

export function take(changes) {
  for (const change of changes) TAKES[change.source]?.(change);
}

// A sandbox whose picture is kept elsewhere: its name is its topic.
const joined = new Map();
export function joinSource(name, { picture, change }) {
  joined.set(name, picture);
  TAKES[name] = (news) => { change(news); changed(name); };
}

const TAKES = {
  page(change) {
    if (change.type === "picture") {
      world.page = change.page;
      takeWorkspace(change.slack);
      takePhones(change.phones);
      takeMailboxes(change.mail);
      for (const [name, picture] of joined) picture(change[name], change.page[name]);
      world.ready = true;
      changed("page", "slack", "phone", "mail", "ui", ...joined.keys());
    } else if (change.type === "faults") {
      world.page.faults.on = change.on;
      changed("page");
    }
  },
  slack(change) {
    SLACK[change.type]?.(change);
    changed("slack");
  },
  phones(change) {
    const person = world.phones.get(change.channel)?.people.get(change.user);
    if (!person) return;
    if (change.message) {
      const known = person.messages.has(change.message_id);
      person.messages.set(change.message_id, change.message);
      if (change.message.from_bot && !known) person.typing = 0;
    } else if (change.message === null) {
      person.messages.delete(change.message_id);
    } else if (change.typing !== undefined) {
      person.typing = Date.now() + change.typing * 1000;
      setTimeout(() => changed("phone"), change.typing * 1000 + 50);
    } else if (change.blocked !== undefined) {
      person.blocked = change.blocked;
    } else if (change.notice !== undefined) {
      person.answer = { text: change.notice, until: Date.now() + 4000 };
      setTimeout(() => changed("phone"), 4100);
    }
    changed("phone");
  },
  mail(change) {
    boxOf(change.address).get(change.folder)?.set(change.mail.uid, change.mail);
    changed("mail");
  },
};

const SLACK = {
  message_added({ channel, message }) {
    world.channels.get(channel)?.messages.set(message.ts, message);
    guide(channel, message);
  },
  message_changed({ channel, message }) { world.channels.get(channel)?.messages.set(message.ts, message); },
  message_deleted({ channel, ts }) { world.channels.get(channel)?.messages.delete(ts); },
  channel({ channel }) {
    const known = world.channels.get(channel.id);
    world.channels.set(channel.id, { ...channel, messages: known ? known.messages : new Map() });
  },
  user({ user }) { world.users.set(user.id, user); },
  ephemeral({ message }) {
    world.ephemerals = world.ephemerals.filter((entry) => entry.ts !== message.ts || entry.to !== message.to);
    world.ephemerals.push(message);
  },
  ephemeral_deleted({ ts, user }) {
    world.ephemerals = world.ephemerals.filter((entry) => entry.ts !== ts || entry.to !== user);
  },
  view_opened({ user, view }) { world.views.set(view.id, { user, view }); },
  view_updated({ user, view }) {
    world.viewErrors.delete(view.id);
    world.views.set(view.id, { user, view });
  },
  view_closed({ view }) {
    world.views.delete(view.id);
    world.viewErrors.delete(view.id);
  },
  view_errors({ view_id, errors }) { world.viewErrors.set(view_id, errors); },
  home({ user, view }) { world.homes.set(user, view); },
  typing(change) {
    world.typing.set(`${change.channel}:${change.thread_ts}`, change);
    setTimeout(() => changed("slack"), Math.max(0, (change.until || 0) * 1000 - Date.now()) + 50);
  },
};

// The first conversation a newcomer makes opens its thread by itself; later ones wait until they are clicked.
let guided = false;
function guide(channel, message) {
  const place = placeOf();
  if (guided || !message.bot_id || isReply(message) || place.room !== channel || place.thread || place.home) return;
  guided = true;
  place.thread = message.ts;
}

function takeWorkspace(slack) {
  world.team = slack.team;
  world.app = slack.app;
  world.users = new Map(slack.users.map((user) => [user.id, user]));
  world.channels = new Map(slack.channels.map((channel) => [
    channel.id, { ...channel, messages: new Map(channel.messages.map((message) => [message.ts, message])) },
  ]));
  world.ephemerals = slack.ephemerals;
  world.views = new Map(slack.views.map((entry) => [entry.view.id, entry]));
  world.homes = new Map(Object.entries(slack.homes));
  world.typing = new Map(slack.typing.map((entry) => [`${entry.channel}:${entry.thread_ts}`, entry]));
}

function takePhones(phones) {
  world.phones = new Map(phones.map((phone) => [phone.channel, {
    ...phone,
    can: new Set(phone.can),
    people: new Map(phone.customers.map((person) => [person.id, {
      ...person, typing: Date.now() + person.typing * 1000, messages: new Map(person.messages.map((message) => [message.message_id, message])),
    }])),
  }]));
}

function takeMailboxes(mail) {
  world.mailboxes = new Map();
  for (const box of mail.mailboxes) {
    const folders = boxOf(box.address);
    for (const [name, mails] of Object.entries(box.folders)) folders.set(name, new Map(mails.map((entry) => [entry.uid, entry])));
  }
}

export function boxOf(address) {
  const key = address.toLowerCase();
  if (!world.mailboxes.has(key)) world.mailboxes.set(key, new Map([["INBOX", new Map()], ["Sent", new Map()]]));
  return world.mailboxes.get(key);
}

// What the visitor looks at; each agent has her own place, drafts and marks of what she has read.
export const ui = {
  agent: "",
  channelTab: "web",
  side: "customers",
  places: new Map(),
  drafts: new Map(),
  read: new Map(),
  editing: null,
};

export function placeOf(agent = ui.agent) {
  if (!ui.places.has(agent)) ui.places.set(agent, { room: world.page.rooms[0] || "", thread: "", home: false });
  return ui.places.get(agent);
}

export function go(change) {
  Object.assign(placeOf(), change);
  changed("ui", "slack");
}

export const isReply = (message) => message.thread_ts && message.thread_ts !== message.ts;

export function shownIn(channel) {
  return [...channel.messages.values()].filter((message) => !isReply(message) || message.subtype === "thread_broadcast").sort(byTs);
}

export function threadOf(channel, root) {
  return [...channel.messages.values()].filter((message) => message.thread_ts === root && message.ts !== root).sort(byTs);
}

export const byTs = (one, other) => (one.ts < other.ts ? -1 : one.ts > other.ts ? 1 : 0);

// Read marks: by agent and place, the ts of the last message seen there.
export const readMark = (agent, place) => ui.read.get(`${agent}:${place}`) || "";
export function markRead(agent, place, ts) {
  if (!ts || readMark(agent, place) >= ts) return false;
  ui.read.set(`${agent}:${place}`, ts);
  return true;
}

export const nameOf = (id) => {
  const user = world.users.get(id);
  return user ? user.real_name || user.name : id;
};
export const firstName = (id) => nameOf(id).split(" ")[0];
