// The line to the server: changes come in, gestures go out.

export function follow(onChanges, onState) {
  const source = new EventSource("/live");
  source.onmessage = (event) => onChanges(JSON.parse(event.data));
  source.onopen = () => onState(true);
  source.onerror = () => {
    onState(false);
    // It tries again by itself, except after an answer that was no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(onChanges, onState), 2000);
  };
}

const complaints = new Set();
export const onComplaint = (handler) => complaints.add(handler);

// Carries out a gesture. Returns its result, or undefined when it was refused and the visitor told.
export async function act(who, verb, args = {}, files = []) {
  const asked = JSON.stringify({ who: String(who), verb, arguments: args });
  let body = asked;
  const headers = {};
  if (files.length) {
    body = new FormData();
    body.append("act", asked);
    for (const file of files) body.append("file", file, file.name);
  } else {
    headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    const response = await fetch("/act", { method: "POST", body, headers });
    answer = await response.json().catch(() => ({ ok: false, error: `The sandbox answered ${response.status}.` }));
  } catch {
    answer = { ok: false, error: "The sandbox cannot be reached. Is it still running?" };
  }
  if (answer.ok) return answer.result ?? null;
  complain(answer.error);
  return undefined;
}

// Slack's own words for an app that did not answer a press.
const TROUBLES = {
  timeout: "The app did not answer within three seconds.",
  connection_failed: "The app is not listening.",
  not_configured: "No app listens to this workspace yet.",
  http_error: "The app answered with an error.",
};

export async function interact(who, verb, args) {
  const result = await act(who, verb, args);
  if (result && result.ok === false) complain(TROUBLES[result.error] || `The app's answer was refused: ${result.error}`);
  return result;
}

export function complain(sentence) {
  const words = String(sentence);
  for (const handler of complaints) handler(words.charAt(0).toUpperCase() + words.slice(1));
}
