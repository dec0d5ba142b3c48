// Portraits of the organisation's people, round as Teams shows them.
import { letters, portrait } from "../avatar.js";
import { desk, nameOf } from "./store.js";

// The same two looks as in the workspace beside, in the same order, so that a mirrored agent is the same person.
export function face(id, size = 32) {
  const agent = desk.page.agents.indexOf(id);
  return agent >= 0 ? portrait(agent, size, "round") : letters(nameOf(id), size, "round");
}
