// Speaks with the page that holds the frame. It may ask for little, and is told less: never a token, never a text.

export class Host {
  #origin = "";
  #takes;
  embedded = window.parent !== window;

  constructor(takes) {
    this.#takes = takes;
    addEventListener("message", (event) => {
      // Which pages may hold the frame at all is the server's rule: frame-ancestors.
      if (event.source !== window.parent || !this.embedded) return;
      const type = event.data?.threadbridge;
      if (typeof type !== "string" || !Object.hasOwn(this.#takes, type)) return;
      this.#origin ||= event.origin;
      if (event.origin === this.#origin) this.#takes[type](event.data);
    });
  }

  ready() {
    // The first word carries nothing, so it may go to whoever holds the frame.
    if (this.embedded) window.parent.postMessage({ threadbridge: "ready" }, "*");
  }

  tell(type, detail = {}) {
    if (this.embedded && this.#origin) window.parent.postMessage({ threadbridge: type, ...detail }, this.#origin);
  }

  notify(name, detail = {}) {
    this.tell("notify", { name, detail });
  }
}
