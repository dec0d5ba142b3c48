// What the visitor did and the server has not confirmed: kept over reloads, sent in order, each with its own id.

import { newId } from "./session.js";

// Sending these again can succeed; everything else needs the visitor.
const PASSES = new Set(["network", "rate_limited", "try_again", "session"]);

export class Outbox {
  #keep;
  #connection;
  #visitor = "";
  #pumping = false;
  entries = [];

  // changed(entry, answer): answer is the ack, null while it waits, or an error frame when it failed.
  constructor({ keep, connection, changed }) {
    this.#keep = keep;
    this.#connection = connection;
    this.changed = changed;
  }

  // Takes up what this visitor left, in this tab or another one.
  load(visitor) {
    if (this.#visitor !== visitor) this.entries = [];
    this.#visitor = visitor;
    const known = new Set(this.entries.map((entry) => entry.frame.client_id));
    const found = this.#keep.names(`out:${visitor}:`).map((name) => this.#keep.get(name));
    const fresh = found.filter((entry) => entry?.frame?.client_id && !known.has(entry.frame.client_id));
    this.entries.push(...fresh);
    this.entries.sort((a, b) => a.at - b.at || (a.frame.client_id < b.frame.client_id ? -1 : 1));
    return fresh;
  }

  // `extra` stays here: what is shown meanwhile, or put back when the server refuses.
  add(frame, extra = {}) {
    const entry = { frame: { ...frame, client_id: newId() }, extra, at: Date.now(), problem: null };
    this.entries.push(entry);
    this.#keep.set(this.#name(entry), entry);
    this.pump();
    return entry;
  }

  retry(entry) {
    entry.problem = null;
    this.#keep.set(this.#name(entry), entry);
    this.changed(entry, null);
    this.pump();
  }

  discard(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#keep.remove(this.#name(entry));
  }

  find(id) {
    return this.entries.find((entry) => `c/${entry.frame.client_id}` === id);
  }

  async pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      let entry;
      while (this.#connection.online && (entry = this.entries.find((each) => !each.problem))) {
        const visitor = this.#visitor;
        const answer = await this.#connection.request(entry.frame).catch((error) => ({ type: "error", code: error.code || "network" }));
        // Somebody else signed in meanwhile: what was hers stays hers.
        if (visitor !== this.#visitor) continue;
        if (answer.type === "ack") {
          this.discard(entry);
          this.changed(entry, answer);
        } else if (!PASSES.has(answer.code)) {
          entry.problem = answer.message || answer.code;
          this.#keep.set(this.#name(entry), entry);
          this.changed(entry, answer);
        } else if (answer.code === "network") {
          return;
        } else {
          await new Promise((resolve) => { setTimeout(resolve, Math.max(0.3, answer.retry_after || 1) * 1000); });
        }
      }
    } finally {
      this.#pumping = false;
    }
  }

  #name(entry) {
    return `out:${this.#visitor}:${entry.frame.client_id}`;
  }
}
