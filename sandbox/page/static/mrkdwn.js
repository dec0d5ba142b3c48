// Draws Slack's mrkdwn strings, as sections and context blocks carry them.
import { h } from "./dom.js";
import { pictureOf } from "./emoji.js";
import { channelLink, inner, mention } from "./richtext.js";

export const decode = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

const STYLES = [
  ["strong", /(?<![\p{L}\p{N}*])\*([^\s*](?:[^*\n]*[^\s*])?)\*(?![\p{L}\p{N}*])/u],
  ["em", /(?<![\p{L}\p{N}_])_([^\s_](?:[^_\n]*[^\s_])?)_(?![\p{L}\p{N}_])/u],
  ["s", /(?<![\p{L}\p{N}~])~([^\s~](?:[^~\n]*[^\s~])?)~(?![\p{L}\p{N}~])/u],
];
const TOKEN = /<(@[UW][A-Z0-9]+|#C[A-Z0-9]+|![^>|]+|[^>|\s]+)(?:\|([^>]*))?>|:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/;

// The object that carries the text says how it is meant.
export function textObject(object, where) {
  if (!object) return [];
  if (object.type === "plain_text") return plain(object.text, object.emoji !== false);
  return mrkdwn(object.text, where);
}

export function plain(text, emoji = true) {
  if (!emoji) return [text];
  return split(text, /:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/, (found) => pictured(found[1]) || found[0], (rest) => [rest]);
}

export function mrkdwn(text, where) {
  return String(text).split("```").flatMap((part, number) => (number % 2 ? [h("pre", {}, decode(part.replace(/^\n|\n$/g, "")))] : lines(part, where)));
}

function lines(text, where) {
  const made = [];
  let quoted = [];
  const flush = () => {
    if (quoted.length) made.push(h("blockquote", { dir: "auto" }, inline(quoted.join("\n"), where)));
    quoted = [];
  };
  let run = [];
  const end = () => {
    if (run.length) made.push(...inline(run.join("\n"), where));
    run = [];
  };
  for (const line of text.split("\n")) {
    if (line.startsWith("&gt;")) {
      end();
      quoted.push(line.slice(4).trimStart());
    } else {
      flush();
      run.push(line);
    }
  }
  flush();
  end();
  return made;
}

function inline(text, where) {
  return split(text, /`([^`\n]+)`/, (found) => h("code", {}, decode(found[1])), (rest) => styles(rest, where, 0));
}

function styles(text, where, level) {
  if (level === STYLES.length) return tokens(text, where);
  const [tag, pattern] = STYLES[level];
  return split(text, pattern, (found) => h(tag, {}, styles(found[1], where, level + 1)), (rest) => styles(rest, where, level + 1));
}

function tokens(text, where) {
  return split(text, TOKEN, (found) => token(found, where), (rest) => [decode(rest)]);
}

function token([whole, target, label, name], where) {
  if (name) return pictured(name) || whole;
  if (target.startsWith("@")) return mention(target.slice(1));
  if (target.startsWith("#")) return channelLink(target.slice(1), where);
  if (target.startsWith("!date")) return decode(label || target);
  if (target.startsWith("!")) return h("span", { class: "mention loud" }, `@${decode(label || target.slice(1))}`);
  return inner(decode(target), decode(label || target), where);
}

function pictured(name) {
  const picture = pictureOf(name);
  return picture && h("span", { class: "emoji", title: `:${name}:`, role: "img", "aria-label": name }, picture);
}

function split(text, pattern, found, rest) {
  const made = [];
  let left = text;
  for (let match = pattern.exec(left); match; match = pattern.exec(left)) {
    if (match.index) made.push(...rest(left.slice(0, match.index)));
    made.push(found(match));
    left = left.slice(match.index + match[0].length);
  }
  return left ? [...made, ...rest(left)] : made;
}
