"""Short names of emoji as Slack writes them (`:thumbsup:`), and back."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

#: Skin tones 2 to 6, as Slack numbers them.
_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_TONE = re.compile("[" + _TONES + "]")
_NAME = re.compile(r":?([a-z0-9_+'&.-]{1,100})(?:::skin-tone-([2-6]))?:?", re.IGNORECASE)
_REGION = 0x1F1E6 - ord("a")

#: Emoji whose short name is their Unicode name.
_PLAIN = """
🐒🦍🦧🦮🦝🐆🦌🦬🐂🐃🐏🐐🐪🦙🐘🦣🦏🦛🐀🦇🦫🦔🐨🦥🦦🦨🦘🦡🦃🐔🐓🐣🐧🦅🦆🦢🦉🦤🪶🦩🦚🦜🐊🦎🐍🦕🦖🦭🦈🐙🐌🦋🐜🪲🦗🪳
🦂🦟🪰🪱🦠💮🌺🌻🌼🌱🪴🌴🌵🌿🍁🍄🍇🍈🍉🍋🍌🍍🥭🍏🍐🍑🍒🍓🫐🥝🍅🫒🥥🥑🥔🥕🫑🥒🥬🥦🧄🧅🥜🌰🥐🫓🥨🥯🍗🍔🥪🌮🌯🫔🧆🥘
🫕🥣🍿🧈🧂🥫🍘🍙🍣🥮🍡🥟🥠🦀🦞🦐🦑🦪🍧🍩🍪🍫🍬🍭🍯🍷🥃🧋🧉🧊🥢🥄🏺🧭🌋🗻🧱🪨🪵🛖🏥🏦🏨🏩🏫🏭🏯🏰💒🗼🗽🕌🛕🕍⛩️
🕋🌁🌅🎠🎢💈🚉🚊🚝🚞🚈🚍🚎🚐🚑🚒🚔🚖🚘🚛🚜🛵🛺🛴🛹🛼🛶🚤⛴️🚁🚟🚠🚡🚀🛸🪂🌜🪐🌀🌈🎽🤿🛷🥋🥎🏏🏑🏒🥏🎣🪀🪄🪅🪆🎴
🪡🪢🧣🧤🧥🧦🥻🩱🩲🩳👘🩴🥾🥿🩰🪖📿🎼🎷🪗🪕🪘🧮🏮🪔🪃🪚🪛🪝🪜🩸🛗🪞🪟🪠🪤🪒🧷🧺🪣🪥🪦🪧🛐⚛️🕉️✡️☸️☯️✝️
☦️☪️☮️🕎🫀🫁🎛️🎚️🛢️🛣️🛤️🏛️🏚️🏘️🪑🦽🦼🛞🛟🪬🪩🪫🪪🫧🫰🫵🫱🫲🫳🫴🫘🫗🫙🪷🪸🪹🪺
"""
#: An emoji and its other names; the first is the one written back.
_NAMED = """
😀 grinning | 😃 smiley | 😄 smile | 😁 grin | 😆 laughing satisfied | 😅 sweat_smile | 😂 joy
🙂 slightly_smiling_face | 🤣 rolling_on_the_floor_laughing | 🙃 upside_down_face | 😉 wink | 😊 blush | 😇 innocent
😍 heart_eyes | 🥰 smiling_face_with_3_hearts | 🤩 star-struck grinning_face_with_star_eyes | 😘 kissing_heart
😗 kissing | ☺️ relaxed | 😚 kissing_closed_eyes | 😙 kissing_smiling_eyes | 🥲 smiling_face_with_tear | 😋 yum
😛 stuck_out_tongue | 😜 stuck_out_tongue_winking_eye | 🤪 zany_face grinning_face_with_one_large_and_one_small_eye
😝 stuck_out_tongue_closed_eyes | 🤑 money_mouth_face | 🤗 hugging_face hugs
🤭 face_with_hand_over_mouth smiling_face_with_smiling_eyes_and_hand_covering_mouth
🤫 shushing_face face_with_finger_covering_closed_lips | 🤔 thinking_face thinking | 🫡 saluting_face
🤐 zipper_mouth_face | 🤨 face_with_raised_eyebrow face_with_one_eyebrow_raised | 😐 neutral_face
😑 expressionless | 😶 no_mouth | 😏 smirk | 😒 unamused | 🙄 face_with_rolling_eyes roll_eyes | 😬 grimacing
🤥 lying_face | 😌 relieved | 😔 pensive | 😪 sleepy | 🤤 drooling_face | 😴 sleeping | 😷 mask
🤒 face_with_thermometer | 🤕 face_with_head_bandage | 🤢 nauseated_face
🤮 face_vomiting face_with_open_mouth_vomiting | 🤧 sneezing_face | 🥵 hot_face | 🥶 cold_face | 🥴 woozy_face
😵 dizzy_face | 🤯 exploding_head | 🤠 face_with_cowboy_hat | 🥳 partying_face | 🥸 disguised_face | 😎 sunglasses
🤓 nerd_face | 🧐 face_with_monocle | 😕 confused | 🫤 face_with_diagonal_mouth | 😟 worried
🙁 slightly_frowning_face | ☹️ white_frowning_face | 😮 open_mouth | 😯 hushed | 😲 astonished | 😳 flushed
🥺 pleading_face | 🥹 face_holding_back_tears | 😦 frowning | 😧 anguished | 😨 fearful | 😰 cold_sweat
😥 disappointed_relieved | 😢 cry | 😭 sob | 😱 scream | 😖 confounded | 😣 persevere | 😞 disappointed | 😓 sweat
😩 weary | 😫 tired_face | 🥱 yawning_face | 😤 triumph | 😡 rage pout | 😠 angry
🤬 face_with_symbols_on_mouth serious_face_with_symbols_covering_mouth | 😈 smiling_imp | 👿 imp | 💀 skull
☠️ skull_and_crossbones | 💩 hankey poop shit | 🤡 clown_face | 👹 japanese_ogre | 👺 japanese_goblin | 👻 ghost
👽 alien | 👾 space_invader | 🤖 robot_face robot | 😺 smiley_cat | 😸 smile_cat | 😹 joy_cat | 😻 heart_eyes_cat
😼 smirk_cat | 😽 kissing_cat | 🙀 scream_cat | 😿 crying_cat_face | 😾 pouting_cat | 🙈 see_no_evil
🙉 hear_no_evil | 🙊 speak_no_evil | 🫠 melting_face | 🫥 dotted_line_face | 🫣 face_with_peeking_eye
🫢 face_with_open_eyes_and_hand_over_mouth | 🫶 heart_hands | 🫨 shaking_face | 😮‍💨 face_exhaling
😵‍💫 face_with_spiral_eyes | 😶‍🌫️ face_in_clouds | 💋 kiss | 💌 love_letter | 💘 cupid | 💝 gift_heart
💖 sparkling_heart | 💗 heartpulse | 💓 heartbeat | 💞 revolving_hearts | 💕 two_hearts | 💟 heart_decoration
❣️ heavy_heart_exclamation_mark_ornament | 💔 broken_heart | ❤️‍🔥 heart_on_fire | ❤️‍🩹 mending_heart
❤️ heart | 🧡 orange_heart | 💛 yellow_heart | 💚 green_heart | 💙 blue_heart | 💜 purple_heart | 🤎 brown_heart
🖤 black_heart | 🤍 white_heart | 🩷 pink_heart | 🩵 light_blue_heart | 🩶 grey_heart | 💯 100 | 💢 anger
💥 boom collision | 💫 dizzy | 💦 sweat_drops | 💨 dash | 🕳️ hole | 💣 bomb | 💬 speech_balloon
👁️‍🗨️ eye-in-speech-bubble | 🗨️ left_speech_bubble | 🗯️ right_anger_bubble | 💭 thought_balloon | 💤 zzz
👋 wave | 🤚 raised_back_of_hand | 🖐️ raised_hand_with_fingers_splayed | ✋ hand raised_hand | 🖖 spock-hand
👌 ok_hand | 🤌 pinched_fingers | 🤏 pinching_hand | ✌️ v
🤞 crossed_fingers hand_with_index_and_middle_fingers_crossed | 🤟 i_love_you_hand_sign
🤘 the_horns sign_of_the_horns | 🤙 call_me_hand | 👈 point_left | 👉 point_right | 👆 point_up_2
🖕 middle_finger reversed_hand_with_middle_finger_extended | 👇 point_down | ☝️ point_up | 👍 +1 thumbsup
👎 -1 thumbsdown | ✊ fist | 👊 facepunch punch | 🤛 left-facing_fist | 🤜 right-facing_fist | 👏 clap
🙌 raised_hands | 👐 open_hands | 🤲 palms_up_together | 🤝 handshake | 🙏 pray | ✍️ writing_hand | 💅 nail_care
🤳 selfie | 💪 muscle | 🦾 mechanical_arm | 🦵 leg | 🦶 foot | 👂 ear | 🦻 ear_with_hearing_aid | 👃 nose | 🧠 brain
🦷 tooth | 🦴 bone | 👀 eyes | 👁️ eye | 👅 tongue | 👄 lips | 🫦 biting_lip | 👶 baby | 🧒 child | 👦 boy
👧 girl | 🧑 adult | 👱 person_with_blond_hair | 👨 man | 🧔 bearded_person | 👩 woman | 🧓 older_adult
👴 older_man | 👵 older_woman | 🙍 person_frowning | 🙎 person_with_pouting_face | 🙅 no_good | 🙆 ok_woman
💁 information_desk_person | 🙋 raising_hand | 🧏 deaf_person | 🙇 bow | 🤦 face_palm | 🤷 shrug
🤦‍♂️ man-facepalming | 🤦‍♀️ woman-facepalming | 🤷‍♂️ man-shrugging | 🤷‍♀️ woman-shrugging
🙋‍♂️ man-raising-hand | 🙋‍♀️ woman-raising-hand | 🙇‍♂️ man-bowing | 🙇‍♀️ woman-bowing
🙅‍♂️ man-gesturing-no | 🙅‍♀️ woman-gesturing-no | 🙆‍♂️ man-gesturing-ok | 🙆‍♀️ woman-gesturing-ok
💁‍♂️ man-tipping-hand | 💁‍♀️ woman-tipping-hand | 👨‍💻 male-technologist | 👩‍💻 female-technologist
🧑‍💻 technologist | 👨‍🔧 male-mechanic | 👩‍🔧 female-mechanic | 👨‍🍳 male-cook | 👩‍🍳 female-cook
👨‍⚕️ male-doctor | 👩‍⚕️ female-doctor | 👨‍🏫 male-teacher | 👩‍🏫 female-teacher | 👨‍🎓 male-student
👩‍🎓 female-student | 👨‍🔬 male-scientist | 👩‍🔬 female-scientist | 👨‍🚒 male-firefighter
👩‍🚒 female-firefighter | 👨‍🚀 male-astronaut | 👩‍🚀 female-astronaut | 👨‍💼 male-office-worker
👩‍💼 female-office-worker | 👮 cop | 🕵️ sleuth_or_spy | 💂 guardsman | 🥷 ninja | 👷 construction_worker
🤴 prince | 👸 princess | 🤵 person_in_tuxedo | 👰 bride_with_veil | 🤰 pregnant_woman | 👼 angel | 🎅 santa
🤶 mrs_claus mother_christmas | 🦸 superhero | 🦹 supervillain | 🧙 mage | 🧚 fairy | 🧛 vampire | 🧜 merperson
🧝 elf | 🧞 genie | 🧟 zombie | 💆 massage | 💇 haircut | 🚶 walking | 🧍 standing_person | 🧎 kneeling_person
🏃 runner running | 🏃‍♀️ woman-running | 🏃‍♂️ man-running | 💃 dancer | 🕺 man_dancing | 👯 dancers
🧗 person_climbing | 🏇 horse_racing | ⛷️ skier | 🏂 snowboarder | 🏌️ golfer | 🏄 surfer | 🚣 rowboat
🏊 swimmer | ⛹️ person_with_ball | 🏋️ weight_lifter | 🚴 bicyclist | 🚵 mountain_bicyclist
🤸 person_doing_cartwheel | 🤹 juggling | 🧘 person_in_lotus_position | 🛀 bath | 🛌 sleeping_accommodation
👭 two_women_holding_hands women_holding_hands | 👫 man_and_woman_holding_hands woman_and_man_holding_hands couple
👬 two_men_holding_hands men_holding_hands | 💏 couplekiss | 💑 couple_with_heart | 👪 family
👨‍👩‍👦 man-woman-boy | 👨‍👩‍👧 man-woman-girl | 👨‍👩‍👧‍👦 man-woman-girl-boy | 👨‍👩‍👦‍👦 man-woman-boy-boy
👨‍👩‍👧‍👧 man-woman-girl-girl | 🗣️ speaking_head_in_silhouette | 👤 bust_in_silhouette | 👥 busts_in_silhouette
🫂 people_hugging | 👣 footprints | 🐵 monkey_face | 🐶 dog | 🐕 dog2 | 🐩 poodle | 🐺 wolf | 🦊 fox_face | 🐱 cat
🐈 cat2 | 🐈‍⬛ black_cat | 🦁 lion_face | 🐯 tiger | 🐅 tiger2 | 🐴 horse | 🐎 racehorse | 🦄 unicorn_face
🦓 zebra_face | 🐮 cow | 🐄 cow2 | 🐷 pig | 🐖 pig2 | 🐗 boar | 🐽 pig_nose | 🐑 sheep | 🐫 camel | 🦒 giraffe_face
🐭 mouse | 🐁 mouse2 | 🐹 hamster | 🐰 rabbit | 🐇 rabbit2 | 🐿️ chipmunk | 🐻 bear | 🐻‍❄️ polar_bear
🐼 panda_face | 🐾 feet paw_prints | 🐤 baby_chick | 🐥 hatched_chick | 🐦 bird | 🕊️ dove_of_peace | 🐸 frog
🐢 turtle | 🐲 dragon_face | 🐉 dragon | 🐳 whale | 🐋 whale2 | 🐬 dolphin flipper | 🐟 fish | 🐠 tropical_fish
🐡 blowfish | 🐚 shell | 🐛 bug | 🐝 bee honeybee | 🐞 ladybug lady_beetle | 🕷️ spider | 🕸️ spider_web
💐 bouquet | 🌸 cherry_blossom | 🏵️ rosette | 🌹 rose | 🥀 wilted_flower | 🌷 tulip | 🌲 evergreen_tree
🌳 deciduous_tree | 🌾 ear_of_rice | ☘️ shamrock | 🍀 four_leaf_clover | 🍂 fallen_leaf | 🍃 leaves | 🍊 tangerine
🍎 apple | 🍆 eggplant | 🌽 corn | 🌶️ hot_pepper | 🍞 bread | 🥖 baguette_bread | 🥞 pancakes | 🧇 waffle
🧀 cheese_wedge | 🍖 meat_on_bone | 🥩 cut_of_meat | 🥓 bacon | 🍟 fries | 🍕 pizza | 🌭 hotdog
🥙 stuffed_flatbread | 🥚 egg | 🍳 fried_egg cooking | 🍲 stew | 🥗 green_salad | 🍱 bento | 🍚 rice | 🍛 curry
🍜 ramen | 🍝 spaghetti | 🍢 oden | 🍤 fried_shrimp | 🥡 takeout_box | 🍦 icecream | 🍨 ice_cream | 🎂 birthday
🍰 cake | 🧁 cupcake | 🥧 pie | 🍮 custard | 🍼 baby_bottle | 🥛 glass_of_milk | ☕ coffee | 🍵 tea | 🍾 champagne
🍸 cocktail | 🍹 tropical_drink | 🍺 beer | 🍻 beers | 🥂 clinking_glasses | 🥤 cup_with_straw | 🧃 beverage_box
🍽️ knife_fork_plate | 🍴 fork_and_knife | 🔪 hocho knife | 🌍 earth_africa | 🌎 earth_americas | 🌏 earth_asia
🌐 globe_with_meridians | 🗺️ world_map | 🏔️ snow_capped_mountain | ⛰️ mountain | 🏕️ camping
🏖️ beach_with_umbrella | 🏜️ desert | 🏝️ desert_island | 🏟️ stadium | 🏗️ building_construction | 🏠 house
🏡 house_with_garden | 🏢 office | 🏣 post_office | 🏪 convenience_store | 🏬 department_store | ⛪ church
⛲ fountain | ⛺ tent | 🌃 night_with_stars | 🏙️ cityscape | 🌄 sunrise_over_mountains | 🌆 city_sunset
🌇 city_sunrise | 🌉 bridge_at_night | 🎡 ferris_wheel | 🎪 circus_tent | 🚂 steam_locomotive | 🚃 railway_car
🚄 bullettrain_side | 🚅 bullettrain_front | 🚆 train2 | 🚇 metro | 🚋 train | 🚌 bus | 🚓 police_car | 🚕 taxi
🚗 car red_car | 🚙 blue_car | 🚚 truck | 🏎️ racing_car | 🏍️ racing_motorcycle | 🚲 bike | 🚏 busstop
⛽ fuelpump | 🚨 rotating_light | 🚥 traffic_light | 🚦 vertical_traffic_light | 🛑 octagonal_sign | 🚧 construction
⚓ anchor | ⛵ boat sailboat | 🛳️ passenger_ship | 🚢 ship | ✈️ airplane | 🛩️ small_airplane
🛫 airplane_departure | 🛬 airplane_arriving | 💺 seat | 🛰️ satellite | 🛎️ bellhop_bell | 🧳 luggage
⌛ hourglass | ⏳ hourglass_flowing_sand | ⌚ watch | ⏰ alarm_clock | ⏱️ stopwatch | ⏲️ timer_clock
🕰️ mantelpiece_clock | 🕛 clock12 | 🕐 clock1 | 🕑 clock2 | 🕒 clock3 | 🕓 clock4 | 🕔 clock5 | 🕕 clock6
🕖 clock7 | 🕗 clock8 | 🕘 clock9 | 🕙 clock10 | 🕚 clock11 | 🌙 crescent_moon | 🌚 new_moon_with_face
🌛 first_quarter_moon_with_face | 🌝 full_moon_with_face | 🌡️ thermometer | ☀️ sunny | 🌞 sun_with_face
⭐ star | 🌟 star2 | 🌠 stars | 🌌 milky_way | ☁️ cloud | ⛅ partly_sunny | ⛈️ thunder_cloud_and_rain
🌤️ mostly_sunny sun_small_cloud | 🌥️ barely_sunny sun_behind_cloud
🌦️ partly_sunny_rain sun_behind_rain_cloud | 🌧️ rain_cloud | 🌨️ snow_cloud | 🌩️ lightning lightning_cloud
🌪️ tornado | 🌫️ fog | 🌬️ wind_blowing_face | 🌂 closed_umbrella | ☂️ umbrella | ☔ umbrella_with_rain_drops
⚡ zap | ❄️ snowflake | ☃️ snowman | ⛄ snowman_without_snow | ☄️ comet | 🔥 fire | 💧 droplet | 🌊 ocean
🎃 jack_o_lantern | 🎄 christmas_tree | 🎆 fireworks | 🎇 sparkler | 🧨 firecracker | ✨ sparkles | 🎈 balloon
🎉 tada | 🎊 confetti_ball | 🎋 tanabata_tree | 🎍 bamboo | 🎎 dolls | 🎏 flags | 🎐 wind_chime | 🎑 rice_scene
🧧 red_envelope | 🎀 ribbon | 🎁 gift | 🎗️ reminder_ribbon | 🎟️ admission_tickets | 🎫 ticket | 🎖️ medal
🏆 trophy | 🏅 sports_medal | 🥇 first_place_medal | 🥈 second_place_medal | 🥉 third_place_medal | ⚽ soccer
⚾ baseball | 🏀 basketball | 🏐 volleyball | 🏈 football | 🎾 tennis | 🎳 bowling | 🏓 table_tennis_paddle_and_ball
🏸 badminton_racquet_and_shuttlecock | 🥊 boxing_glove | 🥅 goal_net | ⛳ golf | 🎿 ski | 🥌 curling_stone | 🎯 dart
🪁 kite | 🎱 8ball | 🔮 crystal_ball | 🎮 video_game | 🕹️ joystick | 🎰 slot_machine | 🎲 game_die | 🧩 jigsaw
🧸 teddy_bear | ♠️ spades | ♥️ hearts | ♦️ diamonds | ♣️ clubs | 🃏 black_joker | 🎭 performing_arts
🖼️ frame_with_picture | 🎨 art | 🧵 thread | 🧶 yarn | 👓 eyeglasses | 🕶️ dark_sunglasses | 🥽 goggles
🥼 lab_coat | 🦺 safety_vest | 👔 necktie | 👕 shirt tshirt | 👖 jeans | 👗 dress | 👙 bikini | 👚 womans_clothes
👛 purse | 👜 handbag | 👝 pouch | 🛍️ shopping_bags | 🎒 school_satchel | 👞 mans_shoe shoe | 👟 athletic_shoe
👠 high_heel | 👡 sandal | 👢 boot | 👑 crown | 👒 womans_hat | 🎩 tophat | 🎓 mortar_board | 🧢 billed_cap
💄 lipstick | 💍 ring | 💎 gem | 🔇 mute | 🔈 speaker | 🔉 sound | 🔊 loud_sound | 📢 loudspeaker | 📣 mega
📯 postal_horn | 🔔 bell | 🔕 no_bell | 🎵 musical_note | 🎶 notes | 🎙️ studio_microphone | 🎤 microphone
🎧 headphones | 📻 radio | 🎸 guitar | 🎹 musical_keyboard | 🎺 trumpet | 🎻 violin | 🥁 drum_with_drumsticks
📱 iphone | 📲 calling | ☎️ phone telephone | 📞 telephone_receiver | 📟 pager | 📠 fax | 🔋 battery
🔌 electric_plug | 💻 computer | 🖥️ desktop_computer | 🖨️ printer | ⌨️ keyboard | 🖱️ three_button_mouse
💽 minidisc | 💾 floppy_disk | 💿 cd | 📀 dvd | 🎥 movie_camera | 🎞️ film_frames | 📽️ film_projector
🎬 clapper | 📺 tv | 📷 camera | 📸 camera_with_flash | 📹 video_camera | 📼 vhs | 🔍 mag | 🔎 mag_right
🕯️ candle | 💡 bulb | 🔦 flashlight | 📔 notebook_with_decorative_cover | 📕 closed_book | 📖 book open_book
📗 green_book | 📘 blue_book | 📙 orange_book | 📚 books | 📓 notebook | 📒 ledger | 📃 page_with_curl | 📜 scroll
📄 page_facing_up | 📰 newspaper | 🗞️ rolled_up_newspaper | 📑 bookmark_tabs | 🔖 bookmark | 🏷️ label
💰 moneybag | 🪙 coin | 💴 yen | 💵 dollar | 💶 euro | 💷 pound | 💸 money_with_wings | 💳 credit_card | 🧾 receipt
💹 chart | ✉️ email envelope | 📧 e-mail | 📨 incoming_envelope | 📩 envelope_with_arrow | 📤 outbox_tray
📥 inbox_tray | 📦 package | 📫 mailbox | 📪 mailbox_closed | 📬 mailbox_with_mail | 📭 mailbox_with_no_mail
📮 postbox | 🗳️ ballot_box_with_ballot | ✏️ pencil2 | ✒️ black_nib | 🖋️ lower_left_fountain_pen
🖊️ lower_left_ballpoint_pen | 🖌️ lower_left_paintbrush | 🖍️ lower_left_crayon | 📝 memo pencil | 💼 briefcase
📁 file_folder | 📂 open_file_folder | 🗂️ card_index_dividers | 📅 date | 📆 calendar | 🗒️ spiral_note_pad
🗓️ spiral_calendar_pad | 📇 card_index | 📈 chart_with_upwards_trend | 📉 chart_with_downwards_trend
📊 bar_chart | 📋 clipboard | 📌 pushpin | 📍 round_pushpin | 📎 paperclip | 🖇️ linked_paperclips
📏 straight_ruler | 📐 triangular_ruler | ✂️ scissors | 🗃️ card_file_box | 🗄️ file_cabinet | 🗑️ wastebasket
🔒 lock | 🔓 unlock | 🔏 lock_with_ink_pen | 🔐 closed_lock_with_key | 🔑 key | 🗝️ old_key | 🔨 hammer | 🪓 axe
⛏️ pick | ⚒️ hammer_and_pick | 🛠️ hammer_and_wrench | 🗡️ dagger_knife | ⚔️ crossed_swords | 🔫 gun
🏹 bow_and_arrow | 🛡️ shield | 🔧 wrench | 🔩 nut_and_bolt | ⚙️ gear | 🗜️ compression | ⚖️ scales | 🔗 link
⛓️ chains | 🧰 toolbox | 🧲 magnet | ⚗️ alembic | 🧪 test_tube | 🧫 petri_dish | 🧬 dna | 🔬 microscope
🔭 telescope | 📡 satellite_antenna | 💉 syringe | 💊 pill | 🩹 adhesive_bandage | 🩺 stethoscope | 🚪 door
🛏️ bed | 🛋️ couch_and_lamp | 🚽 toilet | 🚿 shower | 🛁 bathtub | 🧹 broom | 🧻 roll_of_paper | 🧼 soap
🧽 sponge | 🧯 fire_extinguisher | 🛒 shopping_trolley | 🚬 smoking | ⚰️ coffin | 🗿 moyai | 🏧 atm
🚮 put_litter_in_its_place | 🚰 potable_water | ♿ wheelchair | 🚹 mens | 🚺 womens | 🚻 restroom | 🚼 baby_symbol
🚾 wc | 🛂 passport_control | 🛃 customs | 🛄 baggage_claim | 🛅 left_luggage | ⚠️ warning | 🚸 children_crossing
⛔ no_entry | 🚫 no_entry_sign | 🚳 no_bicycles | 🚭 no_smoking | 🚯 do_not_litter | 🚱 non-potable_water
🚷 no_pedestrians | 📵 no_mobile_phones | 🔞 underage | ☢️ radioactive_sign | ☣️ biohazard_sign | ⬆️ arrow_up
↗️ arrow_upper_right | ➡️ arrow_right | ↘️ arrow_lower_right | ⬇️ arrow_down | ↙️ arrow_lower_left
⬅️ arrow_left | ↖️ arrow_upper_left | ↕️ arrow_up_down | ↔️ left_right_arrow
↩️ leftwards_arrow_with_hook | ↪️ arrow_right_hook | ⤴️ arrow_heading_up | ⤵️ arrow_heading_down
🔃 arrows_clockwise | 🔄 arrows_counterclockwise | 🔙 back | 🔚 end | 🔛 on | 🔜 soon | 🔝 top | ♈ aries
♉ taurus | ♊ gemini | ♋ cancer | ♌ leo | ♍ virgo | ♎ libra | ♏ scorpius | ♐ sagittarius | ♑ capricorn
♒ aquarius | ♓ pisces | ⛎ ophiuchus | 🔀 twisted_rightwards_arrows | 🔁 repeat | 🔂 repeat_one
▶️ arrow_forward | ⏩ fast_forward | ⏭️ black_right_pointing_double_triangle_with_vertical_bar
⏯️ black_right_pointing_triangle_with_double_vertical_bar | ◀️ arrow_backward | ⏪ rewind
⏮️ black_left_pointing_double_triangle_with_vertical_bar | 🔼 arrow_up_small | ⏫ arrow_double_up
🔽 arrow_down_small | ⏬ arrow_double_down | ⏸️ double_vertical_bar | ⏹️ black_square_for_stop
⏺️ black_circle_for_record | ⏏️ eject | 🎦 cinema | 🔅 low_brightness | 🔆 high_brightness | 📶 signal_strength
📳 vibration_mode | 📴 mobile_phone_off | ♀️ female_sign | ♂️ male_sign | ✖️ heavy_multiplication_x
➕ heavy_plus_sign | ➖ heavy_minus_sign | ➗ heavy_division_sign | ♾️ infinity | ‼️ bangbang | ⁉️ interrobang
❓ question | ❔ grey_question | ❕ grey_exclamation | ❗ exclamation heavy_exclamation_mark | 〰️ wavy_dash
💱 currency_exchange | 💲 heavy_dollar_sign | ⚕️ medical_symbol staff_of_aesculapius | ♻️ recycle
⚜️ fleur_de_lis | 🔱 trident | 📛 name_badge | 🔰 beginner | ⭕ o | ✅ white_check_mark
☑️ ballot_box_with_check | ✔️ heavy_check_mark | ❌ x | ❎ negative_squared_cross_mark | ➰ curly_loop | ➿ loop
〽️ part_alternation_mark | ✳️ eight_spoked_asterisk | ✴️ eight_pointed_black_star | ❇️ sparkle
©️ copyright | ®️ registered | ™️ tm | #️⃣ hash | *️⃣ keycap_star | 0️⃣ zero | 1️⃣ one | 2️⃣ two
3️⃣ three | 4️⃣ four | 5️⃣ five | 6️⃣ six | 7️⃣ seven | 8️⃣ eight | 9️⃣ nine | 🔟 keycap_ten
🔠 capital_abcd | 🔡 abcd | 🔢 1234 | 🔣 symbols | 🔤 abc | 🅰️ a | 🆎 ab | 🅱️ b | 🆑 cl | 🆒 cool | 🆓 free
ℹ️ information_source | 🆔 id | Ⓜ️ m | 🆕 new | 🆖 ng | 🅾️ o2 | 🆗 ok | 🅿️ parking | 🆘 sos | 🆙 up | 🆚 vs
🈁 koko | 🈂️ sa | 🉐 ideograph_advantage | 🉑 accept | ㊗️ congratulations | ㊙️ secret | 🔴 red_circle
🟠 large_orange_circle | 🟡 large_yellow_circle | 🟢 large_green_circle | 🔵 large_blue_circle
🟣 large_purple_circle | 🟤 large_brown_circle | ⚫ black_circle | ⚪ white_circle | 🟥 large_red_square
🟧 large_orange_square | 🟨 large_yellow_square | 🟩 large_green_square | 🟦 large_blue_square
🟪 large_purple_square | 🟫 large_brown_square | ⬛ black_large_square | ⬜ white_large_square
🔶 large_orange_diamond | 🔷 large_blue_diamond | 🔸 small_orange_diamond | 🔹 small_blue_diamond
🔺 small_red_triangle | 🔻 small_red_triangle_down | 💠 diamond_shape_with_a_dot_inside | 🔘 radio_button
🔳 white_square_button | 🔲 black_square_button | 🏁 checkered_flag | 🚩 triangular_flag_on_post | 🎌 crossed_flags
🏴 waving_black_flag | 🏳️ waving_white_flag | 🏳️‍🌈 rainbow-flag | 🏳️‍⚧️ transgender_flag
🏴‍☠️ pirate_flag | 🇨🇳 cn flag-cn | 🇩🇪 de flag-de | 🇪🇸 es flag-es | 🇫🇷 fr flag-fr | 🇬🇧 gb uk flag-gb
🇮🇹 it flag-it | 🇯🇵 jp flag-jp | 🇰🇷 kr flag-kr | 🇷🇺 ru flag-ru | 🇺🇸 us flag-us
🏴󠁧󠁢󠁥󠁮󠁧󠁿 flag-england | 🏴󠁧󠁢󠁳󠁣󠁴󠁿 flag-scotland | 🏴󠁧󠁢󠁷󠁬󠁳󠁿 flag-wales | 🏻 skin-tone-2
🏼 skin-tone-3 | 🏽 skin-tone-4 | 🏾 skin-tone-5 | 🏿 skin-tone-6 | 🌑 new_moon | 🌒 waxing_crescent_moon
🌓 first_quarter_moon | 🌔 moon waxing_gibbous_moon | 🌕 full_moon | 🌖 waning_gibbous_moon | 🌗 last_quarter_moon
🌘 waning_crescent_moon | ♨️ hotsprings | 🍠 sweet_potato | 🍥 fish_cake | 🍶 sake | 🥍 lacrosse | 🀄 mahjong
♟️ chess_pawn | 🔯 six_pointed_star
"""


@cache
def _by_name() -> dict[str, str]:
    table: dict[str, str] = {}
    for entry in re.split(r"[|\n]", _NAMED.strip()):
        emoji, *names = entry.split()
        table.update(dict.fromkeys(names, emoji))
    for emoji in re.findall("\\S\ufe0f?", _PLAIN):
        table[unicodedata.name(emoji[0]).lower().replace(" ", "_")] = emoji
    return table


@cache
def _by_emoji() -> dict[str, str]:
    table: dict[str, str] = {}
    for name, emoji in _by_name().items():
        table.setdefault(emoji.replace("\ufe0f", ""), name)
    return table


def _region(code: str) -> str:
    return "".join(chr(ord(letter) + _REGION) for letter in code)


def emoji_name(name: str) -> str | None:
    """The emoji of a short name, with or without colons and skin tone; None for one that only a workspace knows."""
    found = _NAME.fullmatch(name)
    if not found:
        return None
    short = found[1].lower()
    emoji = _by_name().get(short)
    if emoji is None and re.fullmatch("flag-[a-z]{2}", short):
        emoji = _region(short[5:])
    if emoji is None:
        try:
            emoji = unicodedata.lookup(short.replace("_", " "))
        except KeyError:
            return None
        if len(emoji) != 1 or unicodedata.category(emoji) != "So":
            return None
    if found[2]:
        # The tone follows the person, and takes the place of the selector for colour.
        return emoji[0] + _TONES[int(found[2]) - 2] + emoji[1:].removeprefix("\ufe0f")
    return emoji


def name_of(emoji: str) -> str | None:
    """The short name of an emoji, without colons; None if it has none."""
    tone = _TONE.search(emoji)
    bare = _TONE.sub("", emoji).replace("\ufe0f", "")
    suffix = f"::skin-tone-{_TONES.index(tone[0]) + 2}" if tone and bare else ""
    bare = bare or emoji
    name = _by_emoji().get(bare)
    if name is None and re.fullmatch("[\U0001f1e6-\U0001f1ff]{2}", bare):
        name = "flag-" + "".join(chr(ord(one) - _REGION) for one in bare)
    return name + suffix if name else None
