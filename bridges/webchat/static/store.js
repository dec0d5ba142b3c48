// The conversation as this tab knows it: what the server said, and above it what the visitor just did.

export class Store {
  #items = new Map();
  #byMessage = new Map();
  #dirty = new Set();
  #scheduled = false;
  synced = false;

  // draw(ids) is called once for many changes.
  constructor(draw) {
    this.draw = draw;
  }

  get(id) {
    return this.#items.get(id) || this.#items.get(this.#byMessage.get(id));
  }

  list() {
    return [...this.#items.values()].sort((a, b) => a.pos - b.pos || a.at - b.at || (a.id < b.id ? -1 : 1));
  }

  get unread() {
    return this.list().filter((item) => !item.me && !item.deleted && item.status !== "read" && !item.seen);
  }

  get lastOfTeam() {
    return this.list().filter((item) => !item.me).at(-1);
  }

  // A message as the server tells it. True when it is new.
  put(told) {
    const item = { ...told, at: new Date(told.at) };
    const before = this.#items.get(item.id);
    if (before?.seen) item.seen = true;
    // Pictures that this tab sent stay as they are, instead of being loaded again.
    if (before?.files?.length && before.files.length === item.files?.length) {
      item.files = item.files.map((file, at) => (before.files[at].local ? { ...file, local: before.files[at].local } : file));
    }
    const twin = this.#byMessage.get(item.mid);
    if (twin && twin !== item.id) this.#drop(twin);
    this.#items.set(item.id, item);
    if (item.mid) this.#byMessage.set(item.mid, item.id);
    this.#touch(item.id);
    return !before && !twin;
  }

  // A message that only this tab knows so far.
  putLocal(entry, files) {
    const { frame } = entry;
    const id = `c/${frame.client_id}`;
    if (this.#items.has(id)) return;
    const text = frame.choice ? frame.choice.label : frame.text;
    this.#items.set(id, {
      id, mid: null, pos: Number.MAX_SAFE_INTEGER, me: true, author: "", at: new Date(entry.at), edited: false, deleted: false,
      status: entry.problem ? "failed" : "sending", problem: entry.problem, reactions: {}, choices: [], quote: frame.reply_to || null,
      body: text ? [{ t: "paragraph", c: [{ s: text }] }] : [], files: files || entry.extra?.shown || [],
    });
    this.#touch(id);
  }

  acked(id, mid) {
    const item = this.#items.get(id);
    if (!item) return;
    const twin = mid && this.#byMessage.get(mid);
    if (twin && twin !== id) { this.#drop(id); return; }
    if (mid) { item.mid = mid; this.#byMessage.set(mid, id); }
    this.change(id, { status: item.status === "sending" ? "sent" : item.status, problem: null });
  }

  change(id, values) {
    const item = this.get(id);
    if (!item) return;
    Object.assign(item, values);
    this.#touch(item.id);
  }

  drop(id) {
    if (this.#items.has(id)) this.#drop(id);
  }

  clear() {
    for (const id of [...this.#items.keys()]) this.#drop(id);
    this.synced = false;
  }

  #drop(id) {
    const mid = this.#items.get(id)?.mid;
    this.#items.delete(id);
    if (mid && this.#byMessage.get(mid) === id) this.#byMessage.delete(mid);
    this.#touch(id);
  }

  #touch(id) {
    this.#dirty.add(id);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      const changed = this.#dirty;
      this.#dirty = new Set();
      this.draw(changed);
    });
  }
}

// The bare text of a message, for quotes, editing and screen readers.
export function plainText(item) {
  const lines = (item.body || []).map((block) => {
    if (block.t === "code") return block.s;
    if (block.t === "list") return block.items.map((each) => each.c.map((run) => run.s).join("")).join("\n");
    return (block.c || []).map((run) => run.s).join("");
  });
  return lines.join("\n") || (item.files || []).map((file) => file.name).join(", ");
}
