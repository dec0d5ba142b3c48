// Tells the app about a pressed button, and the agent about what it answered.
import { act, complain } from "../live.js";
import { toast } from "../menu.js";
import { changed } from "../store.js";
import { desk, look } from "./store.js";

export async function pressed(message, place, action, inputs) {
  const answer = await act(look.agent, "teams.press", { ...place, id: message.id, action, inputs });
  // What an Execute says stands under the card for a moment; what a dialog would say, in its place.
  if (answer?.message && action.type === "Action.Execute") toast(answer.message);
  else told(answer);
}

// What the app said to the agent after a gesture.
export function told(answer) {
  if (!answer) return;
  if (answer.error) complain(answer.error);
  else if (answer.attachments?.length) complain("The app answered with a card for the compose box, which this page puts there only from its search.");
  else if (answer.message) {
    desk.sentences.set(look.agent, answer.message);
    changed("teams");
  }
}
