// Links into the two workspaces open on this page; everything else in a tab of its own.
import { permalink } from "../richtext.js";
import { changed, go as goInSlack } from "../store.js";
import { reveal } from "../workplaces.js";
import { desk, go, look, roomOf } from "./store.js";

// https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
const MESSAGE = /\/l\/message\/([^/?#]+)\/([^/?#]+)/;

// Whether an address leads to a message of this organisation.
export function inTeams(url) {
  const found = MESSAGE.exec(url || "");
  return Boolean(found && roomOf(decode(found[1])));
}

// Returns whether the address was opened here.
export function opened(url) {
  if (inTeams(url)) openInTeams(url);
  else {
    const place = permalink(url || "");
    if (!place) return false;
    reveal("slack");
    goInSlack(place);
  }
  return true;
}

function openInTeams(url) {
  const [room, id] = MESSAGE.exec(url).slice(1).map(decode);
  const known = roomOf(room);
  const parent = decode(/[?&]parentMessageId=([^&#]+)/.exec(url)?.[1] || "");
  const root = known.messages.get(parent || id)?.root || parent || id;
  reveal("teams");
  go({ view: "room", room });
  look.open.add(root);
  desk.shown = known.messages.has(id) ? id : root;
  changed("teams");
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
