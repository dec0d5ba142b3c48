// The switch between the two workspaces: one at a time, or both beside each other where there is room.
import { changed, on, ui, world } from "./store.js";
import { desk, look } from "./teams/store.js";
import { waitingFor } from "./teams/list.js";
import { unread } from "./workspace.js";

const at = (id) => document.getElementById(id);
const CHOICES = ["slack", "teams", "both"];
const WIDE = matchMedia("(min-width: 1500px)");
let wanted = "both";
try { wanted = localStorage.getItem("workplace") || "both"; } catch { /* Storage may be forbidden. */ }
// What is shown of both where only one has room.
let single = wanted === "teams" ? "teams" : "slack";

export function begin() {
  for (const choice of CHOICES) at(`workplace-${choice}`).addEventListener("click", () => choose(choice));
  WIDE.addEventListener("change", draw);
  on("page slack ui teams", draw);
}

// Shows a workspace if it is not seen, because something in it is wanted.
export function reveal(name) {
  const shown = document.body.dataset.workplaces;
  if (shown !== "both" && shown !== name) choose(name);
}

function choose(choice) {
  wanted = choice;
  if (choice !== "both") single = choice;
  try { localStorage.setItem("workplace", choice); } catch { /* See above. */ }
  draw();
}

function draw() {
  if (!world.ready) return;
  const shown = !desk.present ? "slack" : wanted === "both" && !WIDE.matches ? single : CHOICES.includes(wanted) ? wanted : "both";
  // What came to be seen is read only now.
  if (document.body.dataset.workplaces !== shown) changed("slack", "teams");
  document.body.dataset.workplaces = shown;
  at("workplace-switch").hidden = !desk.present;
  at("team").hidden = shown === "teams";
  at("teams").hidden = shown === "slack";
  for (const choice of CHOICES) at(`workplace-${choice}`).setAttribute("aria-pressed", String(choice === shown));
  badge("slack", shown === "teams" ? world.page.rooms.reduce((sum, id) => sum + (world.channels.has(id) ? unread(ui.agent, world.channels.get(id)) : 0), 0) : 0);
  badge("teams", desk.present && shown === "slack" ? waitingFor(look.agent || desk.page.agents[0]) : 0);
}

function badge(name, number) {
  const mark = at(`workplace-${name}-count`);
  mark.textContent = number > 99 ? "99+" : number || "";
  mark.hidden = !number;
}
