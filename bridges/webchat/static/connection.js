// Keeps the chat connected: a WebSocket, or long polling where the network lets none through.

import { SessionError } from "./session.js";

const PING_EVERY = 25_000;
const SILENCE = 10_000;
const ANSWER_WITHIN = 20_000;
const WELCOME_WITHIN = 8_000;
const TRIES_BEFORE_POLLING = 2;
const SOCKET_AGAIN_AFTER = 300_000;
const LONGEST_PAUSE = 15_000;

const sleep = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
});

export class Connection {
  #session;
  #take;
  #changed;
  #about;
  #socket = null;
  #waiting = new Map();
  #running = null;
  #wake = new AbortController();
  #failures = 0;
  #socketFailures = 0;
  #pollingUntil = 0;
  #synced = false;
  state = "idle";
  mode = "socket";
  cursor = 0;

  // take(frame) gets what the server says; changed(state) hears idle, connecting, online, offline, elsewhere, refused.
  constructor({ session, take, changed, about }) {
    this.#session = session;
    this.#take = take;
    this.#changed = changed;
    this.#about = about;
    addEventListener("online", () => this.hurry());
    addEventListener("offline", () => this.#lost());
  }

  start() {
    if (this.#running) return;
    const stop = new AbortController();
    this.#running = stop;
    this.#run(stop.signal);
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
    this.#socket?.close();
    this.#dropWaiting();
    this.cursor = 0;
    this.#synced = false;
    this.#set("idle");
  }

  // Tries now instead of later: the network is back, or somebody looks.
  hurry() {
    this.#failures = 0;
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  get online() { return this.state === "online"; }

  // One frame that is answered by `ack` or `error`. Rejects when the connection is lost first.
  request(frame) {
    return new Promise((resolve, reject) => {
      if (!this.online) { reject(new SessionError("network", "")); return; }
      const timer = setTimeout(() => { this.#settle(frame.client_id, null); this.#lost(); }, ANSWER_WITHIN);
      this.#waiting.set(frame.client_id, { resolve, reject, timer });
      this.#write(frame);
    });
  }

  // One frame that may be lost.
  post(frame) {
    if (this.online) this.#write(frame);
  }

  async #run(stop) {
    while (!stop.aborted) {
      if (this.state !== "offline") this.#set("connecting");
      try {
        if (!this.#session.token) await this.#session.open();
        if (stop.aborted) return;
        if (Date.now() < this.#pollingUntil) await this.#poll(stop);
        else await this.#talk(stop);
      } catch (error) {
        if (stop.aborted) return;
        if (error.code === "session") this.#session.token = "";
        else if (error.code === "origin") { this.#set("refused"); return; }
        else this.#failures += 1;
        if (this.#failures > 0) this.#set("offline");
        this.#dropWaiting();
        // The socket was given up, not the network.
        if (this.mode === "socket" && Date.now() < this.#pollingUntil) continue;
        const pause = Math.min(LONGEST_PAUSE, 250 * 2 ** Math.min(this.#failures, 6)) * (0.7 + Math.random() * 0.6);
        await sleep(Math.max(pause, (error.retryAfter || 0) * 1000), this.#wake.signal);
      }
    }
  }

  #talk(stop) {
    return new Promise((resolve, reject) => {
      const address = new URL("ws", location.href);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      address.hash = "";
      let socket;
      try { socket = new WebSocket(address.href); } catch { this.#countSocketFailure(); reject(new SessionError("network", "")); return; }
      this.#socket = socket;
      let welcomed = false;
      let heard = Date.now();
      let end = null;
      const watch = setInterval(() => {
        if (Date.now() - heard > PING_EVERY + SILENCE) finish(new SessionError("network", ""));
        else if (Date.now() - heard > PING_EVERY) socket.send('{"type":"ping"}');
      }, 5_000);
      const welcome = setTimeout(() => { if (!welcomed) finish(new SessionError("network", "")); }, WELCOME_WITHIN);
      const finish = (error) => {
        clearInterval(watch);
        clearTimeout(welcome);
        socket.onopen = socket.onmessage = socket.onclose = null;
        if (this.#socket === socket) this.#socket = null;
        socket.close();
        if (!welcomed && error?.code === "network" && navigator.onLine !== false) this.#countSocketFailure();
        if (error) reject(error);
        else resolve();
      };
      this.#lost = () => { if (this.#socket === socket) finish(new SessionError("network", "")); };
      stop.addEventListener("abort", () => finish(null), { once: true });
      socket.onopen = () => socket.send(JSON.stringify({ type: "hello", v: 1, token: this.#session.token, after: this.cursor, about: this.#about() }));
      socket.onclose = () => finish(end ?? new SessionError("network", ""));
      socket.onmessage = ({ data }) => {
        heard = Date.now();
        const frame = JSON.parse(data);
        if (frame.type === "welcome") {
          welcomed = true;
          this.#socketFailures = 0;
          this.#failures = 0;
          this.mode = "socket";
          this.#set("online");
        } else if (frame.type === "bye") {
          end = this.#farewell(frame.code);
        } else if (!welcomed && frame.type === "error") {
          end = new SessionError(frame.code, frame.message);
        } else this.#hear(frame);
      };
    });
  }

  #farewell(code) {
    if (code === "expired") return new SessionError("session", "");
    if (code !== "replaced") return new SessionError("network", "", code === "restart" ? 0.5 + Math.random() : 0);
    this.#running?.abort();
    this.#running = null;
    this.#dropWaiting();
    this.#set("elsewhere");
    return null;
  }

  async #poll(stop) {
    this.mode = "polling";
    const headers = () => ({ Authorization: `Bearer ${this.#session.token}` });
    // The first question comes back at once, so that the chat knows early that it is connected.
    let wait = 0;
    while (!stop.aborted && Date.now() < this.#pollingUntil) {
      const lost = new AbortController();
      this.#lost = () => lost.abort();
      const signal = AbortSignal.any([stop, lost.signal, AbortSignal.timeout(40_000)]);
      let response;
      try {
        response = await fetch(`events?after=${this.cursor}&wait=${wait}`, { headers: headers(), signal, cache: "no-store" });
      } catch {
        throw new SessionError("network", "");
      }
      if (!response.ok) throw await refusal(response);
      const answer = await response.json();
      this.#failures = 0;
      this.#set("online");
      for (const frame of answer.frames) this.#hear(frame);
      this.cursor = Math.max(this.cursor, answer.cursor);
      if (!answer.more) {
        if (!this.#synced) this.#hear({ type: "synced", cursor: this.cursor });
        wait = 25;
      }
    }
  }

  async #write(frame) {
    if (this.#socket) { this.#socket.send(JSON.stringify(frame)); return; }
    const headers = { Authorization: `Bearer ${this.#session.token}`, "Content-Type": "application/json" };
    try {
      const body = JSON.stringify({ ...frame, about: this.#about() });
      const response = await fetch("send", { method: "POST", headers, body, signal: AbortSignal.timeout(ANSWER_WITHIN) });
      if (!response.ok) throw await refusal(response);
      this.#hear(await response.json());
    } catch (error) {
      if (error.code === "session") this.#session.token = "";
      this.#settle(frame.client_id, null);
      if (frame.client_id) this.#lost();
    }
  }

  // Replaced by whatever is open.
  #lost = () => {};

  #hear(frame) {
    if (frame.type === "event") this.cursor = Math.max(this.cursor, frame.cursor);
    if (frame.type === "synced") this.#synced = true;
    if ((frame.type === "ack" || frame.type === "error") && frame.client_id) this.#settle(frame.client_id, frame);
    else if (frame.type) this.#take(frame);
  }

  #settle(id, frame) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (frame) waiting.resolve(frame);
    else waiting.reject(new SessionError("network", ""));
  }

  #dropWaiting() {
    for (const id of [...this.#waiting.keys()]) this.#settle(id, null);
  }

  #countSocketFailure() {
    this.#socketFailures += 1;
    if (this.#socketFailures < TRIES_BEFORE_POLLING) return;
    this.#socketFailures = TRIES_BEFORE_POLLING - 1;
    this.#pollingUntil = Date.now() + SOCKET_AGAIN_AFTER;
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#changed(state);
  }
}

async function refusal(response) {
  const answer = await response.json().catch(() => ({}));
  return new SessionError(answer.error?.code || "network", answer.error?.message || "", answer.error?.retry_after);
}
