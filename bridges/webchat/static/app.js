// Starts the chat inside its frame, and ties it to the page around it.

import { Chat } from "./chat.js";
import { applyColor } from "./color.js";
import { Host } from "./host.js";
import { Texts } from "./texts.js";

const config = JSON.parse(document.getElementById("config").textContent);
const wish = new URLSearchParams(location.hash.slice(1));
const root = document.documentElement;
const darkness = matchMedia("(prefers-color-scheme: dark)");

function chooseLanguage() {
  for (const tag of [wish.get("lang"), ...navigator.languages]) {
    const short = (tag || "").slice(0, 2).toLowerCase();
    if (config.languages.includes(short)) return short;
  }
  return config.languages[0];
}

function dress() {
  const theme = wish.get("theme");
  const dark = theme === "dark" || (theme !== "light" && darkness.matches);
  root.dataset.theme = dark ? "dark" : "light";
  const color = /^#[0-9a-f]{6}$/i.test(wish.get("color") || "") ? wish.get("color") : config.color;
  applyColor(root, color, dark);
}

const texts = new Texts(chooseLanguage());
root.lang = texts.lang;
root.dir = texts.dir;
dress();
darkness.addEventListener("change", dress);

const host = new Host({
  start({ page, open, phone, jwt }) {
    chat.page = page;
    root.classList.toggle("phone", Boolean(phone));
    chat.setVisible(Boolean(open));
    if (jwt) chat.identify(jwt);
    else if (chat.known) chat.start();
  },
  visible({ open, phone, page }) {
    chat.page = page;
    root.classList.toggle("phone", Boolean(phone));
    chat.setVisible(Boolean(open));
  },
  identify({ jwt }) { chat.identify(String(jwt)); },
  reset() { chat.reset(); },
});
const chat = new Chat({ config, texts, host });
document.body.append(chat.node);
root.classList.toggle("embedded", host.embedded);

if (host.embedded) host.ready();
else {
  chat.page = { url: location.href, title: document.title, referrer: document.referrer };
  chat.setVisible(true);
}
