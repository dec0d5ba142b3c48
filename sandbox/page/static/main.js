// Starts the page: the live line, the panes, and what belongs to none of them.
import * as faults from "./faults.js";
import { icon } from "./icons.js";
import { follow, onComplaint } from "./live.js";
import { unreadMails, begin as beginMail } from "./mail.js";
import { toast } from "./menu.js";
import * as modal from "./modal.js";
import * as phone from "./phone.js";
import { changed, on, take, ui, world } from "./store.js";
import { begin as beginSearch } from "./search.js";
import { begin as beginTeams } from "./teams/main.js";
import { begin as beginWorkplaces } from "./workplaces.js";
import * as workspace from "./workspace.js";

const at = (id) => document.getElementById(id);
const TABS = ["web", "telegram", "email"];
const seen = { telegram: -1, web: 0 };

for (const place of document.querySelectorAll("[data-icon]")) place.prepend(icon(place.dataset.icon, Number(place.dataset.size) || 18));
onComplaint(toast);
workspace.begin();
beginTeams();
beginWorkplaces();
modal.begin();
phone.begin();
beginMail();
faults.begin();
beginSearch(at("search"));
follow(take, (alive) => { document.body.classList.toggle("offline", !alive); at("offline").hidden = alive; });

// The customers' three ways in.
function choose(tab, focus = false) {
  ui.channelTab = tab;
  for (const name of TABS) {
    at(name).hidden = name !== tab;
    const button = at(`tab-${name}`);
    button.setAttribute("aria-selected", String(name === tab));
    button.tabIndex = name === tab ? 0 : -1;
    if (focus && name === tab) button.focus();
  }
  location.replace(`#${tab}`);
  changed("ui", "phone", "mail");
}
TABS.forEach((name, number) => {
  const button = at(`tab-${name}`);
  button.addEventListener("click", () => choose(name));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) { event.preventDefault(); choose(TABS[(number + step + TABS.length) % TABS.length], true); }
  });
});
choose(TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "web");

on("ui phone mail", () => {
  if (!world.ready) return;
  const last = phone.lastOnPhones();
  if (seen.telegram < 0 || ui.channelTab === "telegram") seen.telegram = last;
  badge("telegram", phone.unreadOnPhones(seen.telegram));
  badge("email", unreadMails());
  badge("web", ui.channelTab === "web" ? 0 : seen.web);
});

function badge(name, number) {
  const mark = at(`badge-${name}`);
  mark.textContent = number > 9 ? "9+" : number || "";
  mark.hidden = !number;
}

// The shop tells how many of the chat's messages nobody has seen.
addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== at("shop").contentWindow || typeof event.data?.unread !== "number") return;
  seen.web = event.data.unread;
  changed("ui");
});

// Light, dark, or as the system has it.
const THEMES = ["auto", "light", "dark"];
let theme = "auto";
try { theme = localStorage.getItem("theme") || "auto"; } catch { /* Storage may be forbidden. */ }
let language = "en";

function dress(next) {
  theme = THEMES.includes(next) ? next : "auto";
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const button = at("theme-button");
  button.replaceChildren(icon(theme === "dark" ? "moon" : theme === "light" ? "sun" : "sun", 18));
  button.title = `Colours: ${theme === "auto" ? "as the system" : theme}`;
  button.setAttribute("aria-label", button.title);
  try { localStorage.setItem("theme", theme); } catch { /* See above. */ }
}
function visitShop() {
  const address = `/shop?${new URLSearchParams({ lang: language, theme })}`;
  if (at("shop").getAttribute("src") !== address) at("shop").src = address;
}
dress(theme);
visitShop();
at("theme-button").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  dress(theme === "auto" ? (dark ? "light" : "dark") : theme === "light" ? "dark" : "light");
  visitShop();
});
at("shop-language").addEventListener("change", (event) => { language = event.target.value; visitShop(); });

// On a phone one side is shown at a time.
for (const side of ["customers", "team"]) at(`side-${side}`).addEventListener("click", () => show(side));
function show(side) {
  document.body.dataset.side = side;
  for (const name of ["customers", "team"]) at(`side-${name}`).setAttribute("aria-pressed", String(name === side));
  changed("ui", "slack", "teams");
}
show("customers");
document.addEventListener("visibilitychange", () => { if (!document.hidden) changed("ui", "slack"); });
