// Reactions as Teams names them, and the pictures that people see.

const CLASSICS = { like: "👍", heart: "❤️", laugh: "😆", surprised: "😮", sad: "😢", angry: "😡" };
export const QUICK = ["like", "heart", "laugh", "surprised"];
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/agent-reactions
export const OFFERED = ["like", "heart", "laugh", "surprised", "sad", "angry", "2705_whiteheavycheckmark", "1f440_eyes", "1f64f_personwithfoldedhands", "1f389_partypopper", "1f525_fire", "1f44f_clappinghandssign", "1f680_rocket", "1f914_thinkingface", "274c_crossmark", "26a0_warningsign"];

export function pictureOf(type) {
  if (CLASSICS[type]) return CLASSICS[type];
  const codes = /^([0-9a-f]{2,6}(?:-[0-9a-f]{2,6})*)_/i.exec(type);
  if (!codes) return type;
  const points = codes[1].split("-").map((code) => Number.parseInt(code, 16)).filter((point) => point <= 0x10ffff);
  const picture = String.fromCodePoint(...points);
  return picture.length === 1 ? `${picture}\ufe0f` : picture;
}

export const nameOf = (type) => ({ like: "Like", heart: "Heart", laugh: "Laugh", surprised: "Surprised", sad: "Sad", angry: "Angry" }[type] || type.replace(/^[^_]*_/, ""));
