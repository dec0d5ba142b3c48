"""Slack's names of common emoji: a person types the picture, the message holds the name."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TABLE = """
grinning😀 smiley😃 smile😄 grin😁 laughing😆 sweat_smile😅 rolling_on_the_floor_laughing🤣 joy😂
slightly_smiling_face🙂 upside_down_face🙃 wink😉 blush😊 innocent😇 heart_eyes😍 star-struck🤩 kissing_heart😘
yum😋 stuck_out_tongue😛 hugging_face🤗 thinking_face🤔 zipper_mouth_face🤐 neutral_face😐 expressionless😑 smirk😏
unamused😒 face_with_rolling_eyes🙄 grimacing😬 relieved😌 pensive😔 sleeping😴 mask😷 sunglasses😎 nerd_face🤓
confused😕 worried😟 slightly_frowning_face🙁 open_mouth😮 astonished😲 flushed😳 pleading_face🥺 cry😢 sob😭
scream😱 disappointed😞 sweat😓 weary😩 tired_face😫 rage😡 angry😠 skull💀 hankey💩 clown_face🤡 robot_face🤖
wave👋 raised_hand✋ ok_hand👌 v✌ crossed_fingers🤞 point_left👈 point_right👉 point_up_2👆 point_down👇 +1👍 -1👎
fist✊ facepunch👊 clap👏 raised_hands🙌 handshake🤝 pray🙏 muscle💪 eyes👀 heart❤ orange_heart🧡 yellow_heart💛
green_heart💚 blue_heart💙 purple_heart💜 broken_heart💔 100💯 fire🔥 star⭐ sparkles✨ boom💥 tada🎉 gift🎁
birthday🎂 white_check_mark✅ heavy_check_mark✔ x❌ warning⚠ question❓ exclamation❗ hourglass_flowing_sand⏳
alarm_clock⏰ bell🔔 lock🔒 unlock🔓 key🔑 email📧 envelope✉ telephone_receiver📞 iphone📱 computer💻 package📦
truck🚚 moneybag💰 credit_card💳 chart_with_upwards_trend📈 calendar📅 pushpin📌 paperclip📎 memo📝 mag🔍 bulb💡
rocket🚀 coffee☕ pizza🍕 beer🍺 sunny☀ rainbow🌈 dog🐶 cat🐱 snail🐌 raised_hand_with_fingers_splayed🖐 bug🐛
speech_balloon💬 no_entry⛔ no_entry_sign🚫 arrows_counterclockwise🔄 mailbox📫 incoming_envelope📨 outbox_tray📤
inbox_tray📥 zzz💤 ticket🎫 red_circle🔴 large_green_circle🟢 large_yellow_circle🟡 large_blue_circle🔵
ballot_box_with_check☑ thread🧵 link🔗 globe_with_meridians🌐 busts_in_silhouette👥 bust_in_silhouette👤 label🏷
card_index📇 arrow_right➡ arrow_left⬅ leftwards_arrow_with_hook↩ double_vertical_bar⏸
"""
_TONES = {chr(0x1F3FA + tone): tone + 1 for tone in range(1, 6)}
_VARIATION = "\ufe0f"
_NAMES: dict[str, str] = {entry[-1]: entry[:-1] for entry in _TABLE.split()}
_PICTURES: dict[str, str] = {name: picture for picture, name in _NAMES.items()}
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_EMOJI = re.compile(
    f"(?P<flag>{_FLAG})|(?P<base>[{re.escape(''.join(_NAMES))}]){_VARIATION}?(?P<tone>[\U0001f3fb-\U0001f3ff])?"
    r"|(?<![\w:]):(?P<name>[a-z0-9_+-]+)(?:::skin-tone-(?P<level>[2-6]))?:(?![\w:])"
)


def known(name: str) -> bool:
    """Whether this workspace has an emoji of this name (`+1`, `wave::skin-tone-4`, `flag-de`)."""
    base, _, tone = name.partition("::")
    if tone and not re.fullmatch(r"skin-tone-[2-6]", tone):
        return False
    return base in _PICTURES or base == "thumbsup" or re.fullmatch(r"flag-[a-z]{2}", base) is not None


def find(text: str) -> Iterator[tuple[int, int, dict[str, object]]]:
    """Every emoji in `text`, as a picture or a `:name:`, with its place and its rich text element."""
    for match in _EMOJI.finditer(text):
        if match["flag"]:
            letters = "".join(chr(ord(letter) - 0x1F1E6 + ord("a")) for letter in match["flag"])
            yield match.start(), match.end(), _element(f"flag-{letters}", match["flag"], 0)
        elif match["base"]:
            tone = _TONES.get(match["tone"] or "", 0)
            yield match.start(), match.end(), _element(_NAMES[match["base"]], match["base"], tone)
        elif match["name"] in _PICTURES:
            yield (
                match.start(),
                match.end(),
                _element(match["name"], _PICTURES[match["name"]], int(match["level"] or 0)),
            )


def _element(name: str, picture: str, tone: int) -> dict[str, object]:
    code = "-".join(f"{ord(letter):x}" for letter in picture)
    element: dict[str, object] = {"type": "emoji", "name": name, "unicode": code}
    if tone:
        element["skin_tone"] = tone
        element["unicode"] = f"{code}-{0x1F3F9 + tone:x}"
    return element
