// Slack's names of common emoji, for the picker and for reactions, which carry names alone.

const TABLE = `
+1 👍|-1 👎|ok_hand 👌|clap 👏|raised_hands 🙌|pray 🙏|wave 👋|handshake 🤝|muscle 💪|crossed_fingers 🤞|point_right 👉|eyes 👀
grinning 😀|smile 😄|grin 😁|joy 😂|rolling_on_the_floor_laughing 🤣|slightly_smiling_face 🙂|wink 😉|blush 😊|innocent 😇
heart_eyes 😍|star-struck 🤩|hugging_face 🤗|thinking_face 🤔|neutral_face 😐|smirk 😏|sleeping 😴|sunglasses 😎|confused 😕
worried 😟|open_mouth 😮|flushed 😳|pleading_face 🥺|cry 😢|sob 😭|scream 😱|sweat_smile 😅|rage 😡|robot_face 🤖
heart ❤️|orange_heart 🧡|yellow_heart 💛|green_heart 💚|blue_heart 💙|purple_heart 💜|broken_heart 💔|100 💯|fire 🔥|star ⭐|sparkles ✨
tada 🎉|gift 🎁|birthday 🎂|rocket 🚀|bulb 💡|rainbow 🌈|coffee ☕|pizza 🍕|sunny ☀️|dog 🐶|cat 🐱|snail 🐌
white_check_mark ✅|heavy_check_mark ✔️|x ❌|warning ⚠️|question ❓|exclamation ❗|hourglass_flowing_sand ⏳|alarm_clock ⏰|bell 🔔
lock 🔒|key 🔑|email 📧|envelope ✉️|telephone_receiver 📞|iphone 📱|computer 💻|package 📦|truck 🚚|moneybag 💰|credit_card 💳
chart_with_upwards_trend 📈|calendar 📅|pushpin 📌|paperclip 📎|memo 📝|mag 🔍|speech_balloon 💬|no_entry ⛔|no_entry_sign 🚫
arrows_counterclockwise 🔄|incoming_envelope 📨|outbox_tray 📤|inbox_tray 📥|zzz 💤|ticket 🎫|red_circle 🔴|large_green_circle 🟢
large_yellow_circle 🟡|large_blue_circle 🔵|thread 🧵|link 🔗|globe_with_meridians 🌐|label 🏷️|bug 🐛|bust_in_silhouette 👤
`;
export const EMOJI = TABLE.trim().split(/[|\n]/).map((entry) => {
  const at = entry.lastIndexOf(" ");
  return { name: entry.slice(0, at), picture: entry.slice(at + 1) };
});
const BY_NAME = new Map(EMOJI.map(({ name, picture }) => [name, picture]));
BY_NAME.set("thumbsup", "👍");
const TONES = { 2: "🏻", 3: "🏼", 4: "🏽", 5: "🏾", 6: "🏿" };

// The picture of `+1`, `wave::skin-tone-4` or `flag-de`; null for one we cannot draw.
export function pictureOf(name) {
  const [base, tone] = String(name).split("::skin-tone-");
  const flag = /^flag-([a-z])([a-z])$/.exec(base);
  if (flag) return String.fromCodePoint(...flag.slice(1).map((letter) => letter.charCodeAt(0) - 97 + 0x1f1e6));
  const picture = BY_NAME.get(base);
  return picture ? picture + (TONES[tone] || "") : null;
}

// The picture of a rich text element, which brings its code points along.
export function pictureOfElement(element) {
  if (/^[0-9a-f]{1,6}(-[0-9a-f]{1,6})*$/i.test(element.unicode || "")) {
    const points = element.unicode.split("-").map((code) => parseInt(code, 16));
    if (points.every((point) => point <= 0x10ffff)) {
      // Symbols that are text by themselves ask for their picture.
      const picture = String.fromCodePoint(...points);
      return points.length === 1 && points[0] < 0x10000 ? `${picture}\ufe0f` : picture;
    }
  }
  return pictureOf(element.name);
}

export const onlyEmoji = (text) => /^(\p{Extended_Pictographic}[\ufe0f\u200d\p{Emoji_Modifier}]*\s*){1,6}$/u.test(text);
