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
const PHONES = ["telegram", "whatsapp", "sms", "messenger", "instagram", "line"];
const TABS = ["web", ...PHONES, "email"];
// How many messages of each phone were there when it was last looked at.
const seen = { web: 0 };

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

// The customers' ways in. Every phone stands at the same place.
const offered = () => TABS.filter((name) => !PHONES.includes(name) || world.phones.has(name));
function choose(tab, focus = false) {
  ui.channelTab = tab;
  for (const name of ["web", "email"]) at(name).hidden = name !== tab;
  at("phone").hidden = !PHONES.includes(tab);
  if (PHONES.includes(tab)) {
    at("phone").className = `channel ${tab}`;
    at("phone").setAttribute("aria-labelledby", `tab-${tab}`);
  }
  for (const name of TABS) {
    const button = at(`tab-${name}`);
    button.setAttribute("aria-selected", String(name === tab));
    button.tabIndex = name === tab ? 0 : -1;
    if (focus && name === tab) button.focus();
  }
  location.replace(`#${tab}`);
  changed("ui", "phone", "mail");
}
for (const name of TABS) {
  const button = at(`tab-${name}`);
  button.addEventListener("click", () => choose(name));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const there = offered();
    if (step) { event.preventDefault(); choose(there[(there.indexOf(name) + step + there.length) % there.length], true); }
  });
}
choose(TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "web");

on("page", () => {
  for (const name of PHONES) at(`tab-${name}`).hidden = !world.phones.has(name);
  at("channel-tabs").classList.toggle("many", offered().length > 4);
  if (world.ready && !offered().includes(ui.channelTab)) choose("web");
});

on("ui phone mail", () => {
  if (!world.ready) return;
  for (const name of world.phones.keys()) {
    const came = phone.cameTo(name);
    if (seen[name] === undefined || ui.channelTab === name) seen[name] = came;
    badge(name, Math.max(0, came - seen[name]));
  }
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
  changed("ui", "slack", "teams", "phone");
}
show("customers");
document.addEventListener("visibilitychange", () => { if (!document.hidden) changed("ui", "slack", "phone"); });
