// Writes a message down again as a person types it, to edit it.
import { pictureOfElement } from "./emoji.js";

export function textOfMessage(message) {
  const rich = (message.blocks || []).filter((block) => block.type === "rich_text");
  return rich.length ? textOfRich(rich) : message.text || "";
}

export function textOfRich(blocks) {
  return blocks.flatMap((block) => block.elements.map(piece)).join("\n");
}

function piece(part) {
  switch (part.type) {
    case "rich_text_list":
      return part.elements.map((item, at) => `${part.style === "ordered" ? `${at + 1}.` : "-"} ${line(item.elements)}`).join("\n");
    case "rich_text_quote":
      return line(part.elements).split("\n").map((words) => `> ${words}`).join("\n");
    case "rich_text_preformatted":
      return `\`\`\`${line(part.elements)}\`\`\``;
    default:
      return line(part.elements);
  }
}

const line = (elements) => elements.map(word).join("");
const MARKS = [["strike", "~"], ["italic", "_"], ["bold", "*"]];

function word(element) {
  let text = raw(element);
  if (element.style?.code) return `\`${text}\``;
  for (const [style, mark] of MARKS) if (element.style?.[style]) text = `${mark}${text}${mark}`;
  return text;
}

function raw(element) {
  switch (element.type) {
    case "user": return `<@${element.user_id}>`;
    case "channel": return `<#${element.channel_id}>`;
    case "broadcast": return `<!${element.range}>`;
    case "usergroup": return `<!subteam^${element.usergroup_id}>`;
    case "link": return element.text && element.text !== element.url ? `<${element.url}|${element.text}>` : element.url;
    case "emoji": return pictureOfElement(element) || `:${element.name}:`;
    default: return element.text || "";
  }
}
