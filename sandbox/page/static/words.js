// Times, sizes and names as people read them.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en", { weekday: "long", month: "long", day: "numeric" });
const SHORT = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });

export const timeOf = (ts) => new Date(parseFloat(ts) * 1000);
export const clock = (date) => CLOCK.format(date);
export const fullTime = (date) => `${DAY.format(date)} at ${CLOCK.format(date)}`;
export const dayKey = (date) => `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;

export function dayName(date) {
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (dayKey(date) === dayKey(today)) return "Today";
  if (dayKey(date) === dayKey(yesterday)) return "Yesterday";
  return DAY.format(date);
}

export function shortWhen(date) {
  return dayKey(date) === dayKey(new Date()) ? CLOCK.format(date) : SHORT.format(date);
}

export function lastReply(ts) {
  const date = timeOf(ts);
  const minutes = Math.floor((Date.now() - date) / 60_000);
  if (minutes < 1) return "Last reply just now";
  if (minutes < 60) return `Last reply ${minutes} minute${minutes === 1 ? "" : "s"} ago`;
  return `Last reply ${dayName(date).toLowerCase()} at ${clock(date)}`;
}

export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

export function initials(name) {
  const words = String(name || "?").replace(/\(.*?\)/g, "").trim().split(/\s+/);
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : ""].map((word) => [...(word || "")][0] || "");
  return letters.join("").toUpperCase() || "?";
}

export function hue(text) {
  let sum = 7;
  for (const letter of String(text)) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % 360;
}
