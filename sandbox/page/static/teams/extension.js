// The app's search in the compose box: canned replies and past conversations, found and inserted as cards.
import { appIcon } from "../avatar.js";
import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { act } from "../live.js";
import { closePopover, popover } from "../menu.js";
import { drawAttachment } from "./body.js";
import { attachmentOf, desk, look } from "./store.js";

const WAIT = 250;

// `place` is where the compose box stands; `choose(attachment)` takes what was picked.
export function offer(anchor, place, choose) {
  let command = desk.page.searches[0]?.command || "";
  const list = h("div", { class: "t-results", "aria-live": "polite" });
  const field = h("input", { class: "t-field", type: "search", "aria-label": "Search", on: { input: () => later() } });
  const tabs = h("div", { class: "t-search-tabs", role: "tablist" }, desk.page.searches.map((search) => h("button", { type: "button", role: "tab", data: { command: search.command }, on: { click: () => { command = search.command; draw(); ask(); field.focus(); } } }, search.title)));
  const draw = () => {
    for (const tab of tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.command === command));
    field.placeholder = desk.page.searches.find((search) => search.command === command)?.prompt || "Search";
  };

  let timer = 0;
  let asked = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(ask, WAIT); };
  async function ask() {
    clearTimeout(timer);
    const number = ++asked;
    list.classList.add("waiting");
    const answer = await act(look.agent, "teams.search", { command, query: field.value.trim(), ...place });
    if (number !== asked) return;
    list.classList.remove("waiting");
    show(answer ? { text: answer.text, attachments: answer.attachments.map(attachmentOf) } : { text: "The app did not answer." });
  }

  function show({ text = "", attachments = [] }) {
    replace(list, !attachments.length && h("p", { class: "muted" }, text || "Nothing was found."), attachments.map((attachment) => {
      const preview = attachment.preview || attachment;
      return h("button", { type: "button", class: "t-result", on: { click: () => { closePopover(); choose(attachment); } } }, drawPreview(preview));
    }));
  }

  const head = h("header", {}, appIcon(22, "hex"), h("strong", {}, desk.app.name));
  popover(anchor, h("div", { class: "t-search" }, head, tabs, h("label", { class: "t-search-field" }, icon("search", 15), field), list), { label: `Search in ${desk.app.name}` });
  draw();
  field.focus();
  ask();
}

function drawPreview(preview) {
  const content = preview.content || {};
  if (preview.type === "application/vnd.microsoft.card.adaptive") return drawAttachment(preview, { agent: look.agent, openUrl: () => true, press: async () => {} });
  return h("span", { class: "t-result-words" }, h("strong", { dir: "auto" }, content.title || "Result"), content.subtitle && h("small", { dir: "auto" }, content.subtitle), content.text && h("span", { dir: "auto" }, content.text));
}
