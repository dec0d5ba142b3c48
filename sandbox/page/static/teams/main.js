// The Teams workspace: who looks at it, its list, and what she has open.
import { face } from "./people.js";
import { h, reconcile } from "../dom.js";
import { changed, on } from "../store.js";
import { drawChat, forgetChat } from "./chat.js";
import { drawDialog } from "./dialog.js";
import { drawList, drawRail, waitingFor } from "./list.js";
import { drawRoom, forgetRoom } from "./room.js";
import { begin as beginSearch } from "./search.js";
import { desk, firstName, look, nameOf, placeOf } from "./store.js";

const at = (id) => document.getElementById(id);

export function begin() {
  beginSearch(at("t-find"));
  on("teams page", draw);
  addEventListener("focus", () => changed("teams"));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) changed("teams"); });
}

function draw() {
  if (!desk.present) return;
  const agents = desk.page.agents;
  if (!agents.includes(look.agent)) look.agent = agents[0] || "";
  at("t-name").textContent = desk.organisation;
  drawAgents(agents);
  drawRail();
  drawList();
  const place = placeOf();
  if (place.view === "chat") {
    forgetRoom();
    drawChat();
  } else {
    forgetChat();
    drawRoom(place);
  }
  drawDialog();
}

function drawAgents(agents) {
  reconcile(at("t-agents"), agents.map((id) => {
    const number = id === look.agent ? 0 : waitingFor(id);
    return { key: id, version: `${id === look.agent}${number}${nameOf(id)}`, id, number };
  }), ({ id, number }) => h("button", { type: "button", class: "t-agent", role: "tab", "aria-selected": String(id === look.agent), title: `Answer as ${nameOf(id)}`, on: { click: () => { look.agent = id; look.editing = ""; changed("teams"); } } }, face(id, 26), h("span", {}, firstName(id)), number > 0 && h("b", { class: "t-badge" }, number > 99 ? "99+" : number)));
}
