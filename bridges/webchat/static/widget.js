// The script a website includes: a button, and the frame in which the chat runs on its own origin.
(() => {
  "use strict";
  const SETTINGS = {};
  const script = document.currentScript;
  if (!script || window.Threadbridge) return;

  const WORDS = {
    en: { open: "Open chat", close: "Close chat", unread: "unread messages" },
    de: { open: "Chat öffnen", close: "Chat schließen", unread: "ungelesene Nachrichten" },
    es: { open: "Abrir el chat", close: "Cerrar el chat", unread: "mensajes sin leer" },
    fr: { open: "Ouvrir la discussion", close: "Fermer la discussion", unread: "messages non lus" },
    ar: { open: "فتح المحادثة", close: "إغلاق المحادثة", unread: "رسائل غير مقروءة" },
  };
  const PHONE = matchMedia("(max-width: 480px)");
  const base = new URL("./", script.src);
  const data = { ...script.dataset };
  const lang = chooseLanguage(data.lang);
  const words = WORDS[lang];
  const color = /^#[0-9a-f]{6}$/i.test(data.color || "") ? data.color : SETTINGS.color || "#4f46e5";
  const flag = `threadbridge:${data.account || base.pathname}`;
  const handlers = new Map();
  const waiting = [];
  let frame = null;
  let frameReady = false;
  let isOpen = false;
  let identity = null;

  function chooseLanguage(wish) {
    const offered = SETTINGS.languages || Object.keys(WORDS);
    for (const tag of [wish, ...(navigator.languages || [])]) {
      const short = (tag || "").slice(0, 2).toLowerCase();
      if (offered.includes(short)) return short;
    }
    return offered[0];
  }

  function brightness(hex) {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = parseInt(hex.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  const STYLE = `
    :host { all: initial; }
    .button, .panel { position: fixed; z-index: 2147483000; }
    .button { inset-block-end: max(20px, env(safe-area-inset-bottom)); inset-inline-end: 20px; inline-size: 60px; block-size: 60px;
      border: 0; border-radius: 50%; padding: 0; cursor: pointer; color: var(--on); background: var(--color);
      box-shadow: 0 1px 2px rgb(15 18 34 / .16), 0 10px 28px -6px rgb(15 18 34 / .36); display: grid; place-items: center;
      transition: transform .18s cubic-bezier(.2,.8,.3,1.2), box-shadow .18s; -webkit-tap-highlight-color: transparent; }
    .button::after { content: ""; position: absolute; inset: 0; border-radius: inherit; pointer-events: none;
      background: linear-gradient(180deg, rgb(255 255 255 / .18), rgb(255 255 255 / 0) 60%); }
    .button:hover { transform: scale(1.05); } .button:active { transform: scale(.96); }
    .button:focus-visible { outline: 3px solid var(--color); outline-offset: 3px; }
    .button svg { grid-area: 1 / 1; inline-size: 28px; block-size: 28px; fill: none; stroke: currentColor; stroke-width: 1.9;
      stroke-linecap: round; stroke-linejoin: round; transition: opacity .16s, transform .2s; }
    .shut { opacity: 0; transform: rotate(-60deg) scale(.6); }
    .open .shut { opacity: 1; transform: none; } .open .talk { opacity: 0; transform: rotate(40deg) scale(.6); }
    .badge { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-inline-size: 22px; block-size: 22px;
      box-sizing: border-box; padding: 0 6px; border-radius: 11px; border: 2px solid #fff; background: #e11d48; color: #fff;
      font: 700 11px/18px system-ui, sans-serif; text-align: center; z-index: 1; }
    .badge[hidden] { display: none; }
    .panel { inset-block-end: calc(max(20px, env(safe-area-inset-bottom)) + 74px); inset-inline-end: 20px; inline-size: 392px;
      block-size: min(680px, calc(100dvh - 124px)); border-radius: 20px; overflow: hidden; background: var(--paper);
      box-shadow: 0 0 0 1px rgb(15 18 34 / .06), 0 24px 64px -12px rgb(15 18 34 / .34), 0 6px 18px -6px rgb(15 18 34 / .16);
      transform-origin: 100% 100%; transition: opacity .18s ease-out, transform .22s cubic-bezier(.2,.8,.2,1), visibility 0s .22s;
      opacity: 0; visibility: hidden; transform: translateY(14px) scale(.97); }
    .panel.open { opacity: 1; visibility: visible; transform: none; transition-delay: 0s; }
    .left .button, .left .panel { inset-inline: 20px auto; } .left .panel { transform-origin: 0 100%; }
    iframe { display: block; inline-size: 100%; block-size: 100%; border: 0; color-scheme: normal; }
    .panel.phone { inset: var(--top, 0) 0 auto 0; inline-size: 100%; block-size: var(--height, 100dvh); border-radius: 0; box-shadow: none;
      box-sizing: border-box; padding-block-end: env(safe-area-inset-bottom); }
    .phone-open .button { visibility: hidden; }
    @media (prefers-reduced-motion: reduce) { .button, .button svg, .panel { transition: none; } }
    @media (forced-colors: active) { .button { border: 2px solid ButtonText; } .panel { border: 1px solid CanvasText; } }
    @media print { .button, .panel { display: none; } }`;

  const host = document.createElement("threadbridge-chat");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  const box = element("div", { dir: lang === "ar" ? "rtl" : "ltr", lang });
  if (data.position === "left") box.classList.add("left");
  const panel = element("div", { class: "panel", role: "dialog", "aria-label": SETTINGS.title || "Chat" });
  const button = element("button", { class: "button", type: "button", "aria-expanded": "false" });
  const badge = element("span", { class: "badge", "aria-hidden": "true" });
  badge.hidden = true;
  button.append(
    drawing("talk", "M12 4c-4.7 0-8.5 3.2-8.5 7.2 0 2.2 1.2 4.2 3 5.5L5.8 20l3.9-1.9c.7.2 1.5.3 2.3.3 4.7 0 8.5-3.2 8.5-7.2S16.7 4 12 4Z"),
    drawing("shut", "m6 9.5 6 6 6-6"),
    badge,
  );
  box.append(panel, button);
  root.append(box);
  box.style.setProperty("--color", color);
  box.style.setProperty("--on", brightness(color) > 0.24 ? "#14161f" : "#fff");
  const dark = data.theme === "dark" || (data.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  box.style.setProperty("--paper", dark ? "#14161d" : "#fff");

  function element(name, attributes) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function drawing(name, path) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", name);
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  function load() {
    if (frame) return;
    frame = element("iframe", { title: SETTINGS.title || "Chat", allow: "clipboard-write" });
    const looks = new URLSearchParams({ lang, theme: data.theme || "auto", color });
    frame.src = new URL(`frame.html#${looks}`, base).href;
    panel.append(frame);
  }

  function tell(type, detail = {}) {
    if (frameReady) frame.contentWindow.postMessage({ threadbridge: type, ...detail }, base.origin);
    else waiting.push([type, detail]);
  }

  function describePage() {
    return { url: location.href.slice(0, 2000), title: document.title.slice(0, 300), referrer: document.referrer.slice(0, 2000) };
  }

  function setOpen(wanted) {
    if (wanted === isOpen) return;
    isOpen = wanted;
    if (wanted) load();
    panel.classList.toggle("open", wanted);
    button.classList.toggle("open", wanted);
    button.setAttribute("aria-expanded", String(wanted));
    arrange();
    label();
    tell("visible", { open: wanted, phone: PHONE.matches, page: describePage() });
    if (wanted) frame.focus();
    else button.focus({ preventScroll: true });
    emit(wanted ? "open" : "close");
  }

  // On a phone the chat fills what the on-screen keyboard leaves, and the page behind it stays where it is.
  let scrollLock = null;
  function arrange() {
    const full = isOpen && PHONE.matches;
    panel.classList.toggle("phone", PHONE.matches);
    box.classList.toggle("phone-open", full);
    if (full) panel.setAttribute("aria-modal", "true");
    else panel.removeAttribute("aria-modal");
    const view = window.visualViewport;
    if (full && view) {
      panel.style.setProperty("--height", `${Math.round(view.height)}px`);
      panel.style.setProperty("--top", `${Math.round(view.offsetTop)}px`);
    }
    if (full && scrollLock === null) {
      scrollLock = document.documentElement.style.overflow;
      document.documentElement.style.overflow = "hidden";
    } else if (!full && scrollLock !== null) {
      document.documentElement.style.overflow = scrollLock;
      scrollLock = null;
    }
  }

  let unread = 0;
  function label() {
    badge.hidden = unread === 0 || isOpen;
    badge.textContent = unread > 9 ? "9+" : String(unread);
    const name = isOpen ? words.close : words.open;
    button.setAttribute("aria-label", unread && !isOpen ? `${name} (${unread} ${words.unread})` : name);
  }

  function emit(name, detail = {}) {
    for (const handler of handlers.get(name) || []) {
      try { handler(detail); } catch (error) { console.error(error); }
    }
  }

  function remember(active) {
    try {
      if (active) localStorage.setItem(flag, "1");
      else localStorage.removeItem(flag);
    } catch { /* A site may forbid storage; the chat then loads when it is opened. */ }
  }

  const TAKES = {
    ready() {
      frameReady = true;
      tell("start", { page: describePage(), open: isOpen, phone: PHONE.matches, jwt: identity });
      for (const [type, detail] of waiting.splice(0)) tell(type, detail);
      emit("ready");
    },
    close() { setOpen(false); },
    unread({ count }) {
      unread = Number(count) || 0;
      label();
      emit("unread", { count: unread });
    },
    active() { remember(true); },
    notify({ name, detail }) { emit(String(name), detail || {}); },
  };

  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== base.origin) return;
    const take = Object.hasOwn(TAKES, event.data?.threadbridge) ? TAKES[event.data.threadbridge] : null;
    if (take) take(event.data);
  });
  button.addEventListener("click", () => setOpen(!isOpen));
  button.addEventListener("pointerenter", load, { once: true });
  PHONE.addEventListener("change", () => { arrange(); tell("visible", { open: isOpen, phone: PHONE.matches, page: describePage() }); });
  window.visualViewport?.addEventListener("resize", arrange);
  window.visualViewport?.addEventListener("scroll", arrange);
  addEventListener("keydown", (event) => { if (event.key === "Escape" && isOpen && root.activeElement === button) setOpen(false); });

  window.Threadbridge = Object.freeze({
    open: () => setOpen(true),
    close: () => setOpen(false),
    // Takes the signed word of the website's own server about who its user is.
    identify(jwt) { identity = String(jwt); load(); if (frameReady) tell("identify", { jwt: identity }); },
    // For logout: forgets the visitor, her session and what she has not sent.
    reset() { identity = null; remember(false); load(); tell("reset"); unread = 0; label(); },
    // Events: ready, open, close, unread, message, identified, expired, error. Returns a function that stops listening.
    on(name, handler) {
      if (!handlers.has(name)) handlers.set(name, new Set());
      handlers.get(name).add(handler);
      return () => handlers.get(name).delete(handler);
    },
  });

  label();
  const show = () => {
    document.body.append(host);
    let known = false;
    try { known = localStorage.getItem(flag) === "1"; } catch { /* See `remember`. */ }
    if (known || data.open === "true") load();
    if (data.open === "true") setOpen(true);
    dispatchEvent(new CustomEvent("threadbridge:ready"));
  };
  if (document.body) show();
  else addEventListener("DOMContentLoaded", show, { once: true });
})();
