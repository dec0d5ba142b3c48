// Who the visitor is in this browser: her tokens, and the little that is kept between visits.

const PREFIX = `threadbridge:${location.pathname.replace(/[^/]*$/, "")}:`;

// Browsers may forbid storage in frames; the chat then lives as long as its page.
class Memory {
  #values = new Map();
  get length() { return this.#values.size; }
  key(at) { return [...this.#values.keys()][at] ?? null; }
  getItem(key) { return this.#values.get(key) ?? null; }
  setItem(key, value) { this.#values.set(key, value); }
  removeItem(key) { this.#values.delete(key); }
}

function openStorage() {
  try {
    const probe = `${PREFIX}probe`;
    localStorage.setItem(probe, "1");
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    return new Memory();
  }
}

export class Keep {
  #storage = openStorage();

  get(name) {
    try { return JSON.parse(this.#storage.getItem(PREFIX + name)); } catch { return null; }
  }

  set(name, value) {
    try { this.#storage.setItem(PREFIX + name, JSON.stringify(value)); } catch { /* Full: the page still has it. */ }
  }

  remove(name) {
    this.#storage.removeItem(PREFIX + name);
  }

  names(start) {
    const found = [];
    for (let at = 0; at < this.#storage.length; at += 1) {
      const key = this.#storage.key(at);
      if (key?.startsWith(PREFIX + start)) found.push(key.slice(PREFIX.length));
    }
    return found;
  }

  clear() {
    for (const name of this.names("")) this.remove(name);
  }
}

export class SessionError extends Error {
  constructor(code, message, retryAfter = 0) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export class Session {
  #keep;
  #switched;
  #opening = null;
  #life = 0;
  token = "";
  visitor = "";
  verified = false;

  // switched(wasVerified) is called when somebody else writes from now on.
  constructor(keep, switched) {
    this.#keep = keep;
    this.#switched = switched;
    this.visitor = keep.get("session")?.visitor || "";
    // Another tab signed in or out.
    addEventListener("storage", (event) => {
      const visitor = keep.get("session")?.visitor || "";
      if (event.key !== `${PREFIX}session` || visitor === this.visitor) return;
      this.token = "";
      this.visitor = visitor;
      this.#switched(false);
    });
  }

  get known() {
    return Boolean(this.#keep.get("session"));
  }

  // One request at a time, whoever asks; a new sign-in waits for the one before it.
  async open(jwt = "") {
    while (this.#opening) {
      const result = await this.#opening.catch(() => null);
      if (result && !jwt) return result;
    }
    // Two tabs that begin together must not become two visitors.
    const alone = navigator.locks ? (work) => navigator.locks.request(`${PREFIX}session`, work) : (work) => work();
    this.#opening = alone(() => this.#request(jwt));
    try { return await this.#opening; } finally { this.#opening = null; }
  }

  async #request(jwt) {
    let response;
    const life = this.#life;
    try {
      const body = JSON.stringify({ resume: this.#keep.get("session")?.resume || "", jwt });
      const headers = { "Content-Type": "application/json" };
      response = await fetch("session", { method: "POST", headers, body, signal: AbortSignal.timeout(15_000) });
    } catch {
      throw new SessionError("network", "");
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new SessionError(answer.error?.code || "server", answer.error?.message || "", answer.error?.retry_after);
    // She logged out meanwhile: this answer is about somebody who is no longer here.
    if (life !== this.#life) throw new SessionError("network", "");
    const before = { visitor: this.visitor, verified: this.verified };
    this.token = answer.token;
    this.visitor = answer.visitor;
    this.verified = answer.verified;
    this.#keep.set("session", { visitor: answer.visitor, resume: answer.resume });
    if (before.visitor && before.visitor !== answer.visitor) this.#switched(before.verified && !answer.verified);
    return answer;
  }

  forget() {
    this.#life += 1;
    this.token = "";
    this.visitor = "";
    this.verified = false;
    this.#keep.clear();
  }
}

// Random, and sortable by time.
export function newId() {
  const random = crypto.getRandomValues(new Uint8Array(12));
  return Date.now().toString(36).padStart(9, "0") + "-" + Array.from(random, (byte) => (byte % 36).toString(36)).join("");
}
