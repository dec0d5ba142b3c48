// The fields and choices of Block Kit, and what a person put into them.
import { h } from "./dom.js";
import { ask } from "./menu.js";
import { interact } from "./live.js";
import { editor } from "./editor.js";
import { textOfRich } from "./unparse.js";
import { world } from "./store.js";

let number = 0;

// Tells the app about a press or a choice, after the question it wants asked first.
export async function press(where, block, element, selection) {
  if (element.confirm) {
    const { title, text, confirm, deny, style } = element.confirm;
    const sure = await ask({ title: title.text, text: text.text, yes: confirm.text, no: deny.text, danger: style === "danger" });
    if (!sure) return undefined;
  }
  const common = { action_id: element.action_id, block_id: block.block_id };
  if (where.view) return interact(where.agent, "agent.press_in_view", { ...common, view_id: where.view, selection: selection ?? null });
  const spot = { ...common, channel: where.channel, ts: where.ts };
  if (element.type === "button") return interact(where.agent, "agent.press", { ...spot, value: element.value || null });
  return interact(where.agent, "agent.select", { ...spot, selection });
}

// A field: its node, the control that has the focus and the changes, and how to read it.
export function control(block, element, where) {
  const id = `field-${++number}`;
  const make = CONTROLS[element.type] || CONTROLS[element.type.replace(/^multi_/, "multi_")] || CONTROLS.unknown;
  const made = make(element, id, where);
  made.control.id = id;
  if (element.focus_on_load) made.control.dataset.focus = "first";
  return made;
}

function input(element, type, extra = {}) {
  const made = h("input", { class: "field", type, placeholder: element.placeholder?.text, value: element.initial_value || element.initial_date || element.initial_time || "", ...extra });
  return { node: made, control: made, read: () => made.value };
}

function select(element, options, initial) {
  const made = h("select", { class: "field" }, h("option", { value: "" }, element.placeholder?.text || "Select an option"), options);
  made.value = initial || "";
  return { node: h("span", { class: "select" }, made), control: made, read: () => made.value || null };
}

function many(options, chosen, kind, name) {
  const boxes = options.map(({ value, label, detail }) => h("input", { type: kind, name, value, checked: chosen.includes(value) }));
  const rows = options.map(({ label, detail }, at) => h("label", { class: "choice" }, boxes[at], h("span", {}, label, detail && h("small", {}, detail))));
  const node = h("div", { class: "choices", role: "group", tabindex: "-1" }, rows);
  const picked = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return { node, control: node, read: () => (kind === "radio" ? picked()[0] || null : picked()) };
}

const options = (element) => [...(element.options || []), ...(element.option_groups || []).flatMap((group) => group.options)];
const people = () => [...world.users.values()].filter((user) => !user.is_bot && !user.deleted).map((user) => ({ value: user.id, label: user.real_name }));
const places = () => [...world.channels.values()].filter((channel) => channel.name).map((channel) => ({ value: channel.id, label: `#${channel.name}` }));
const drawn = (list) => list.map(({ value, label }) => h("option", { value }, label));
const labelled = (list) => list.map((option) => ({ value: option.value, label: option.text.text, detail: option.description?.text }));

const CONTROLS = {
  plain_text_input(element) {
    if (!element.multiline) return input(element, "text", { maxlength: element.max_length });
    const made = h("textarea", { class: "field", rows: 5, placeholder: element.placeholder?.text, maxlength: element.max_length, value: element.initial_value || "" });
    return { node: made, control: made, read: () => made.value };
  },
  rich_text_input(element) {
    const made = editor({ label: element.placeholder?.text || "Message", placeholder: element.placeholder?.text || "", value: element.initial_value ? textOfRich([element.initial_value]) : "", tall: true });
    return { node: made.node, control: made.area, read: () => made.area.value };
  },
  email_text_input: (element) => input(element, "email"),
  url_text_input: (element) => input(element, "url"),
  number_input: (element) => input(element, "text", { inputmode: "decimal" }),
  datepicker: (element) => input(element, "date"),
  timepicker: (element) => input(element, "time"),
  datetimepicker(element) {
    const made = input(element, "datetime-local");
    return { ...made, read: () => (made.control.value ? Math.floor(new Date(made.control.value).getTime() / 1000) : null) };
  },
  static_select(element) {
    const groups = (element.option_groups || []).map((group) => h("optgroup", { label: group.label.text }, drawn(labelled(group.options))));
    return select(element, element.option_groups ? groups : drawn(labelled(element.options)), element.initial_option?.value);
  },
  external_select: (element) => input(element, "text"),
  users_select: (element) => select(element, drawn(people()), element.initial_user),
  conversations_select: (element) => select(element, drawn(places()), element.initial_conversation),
  channels_select: (element) => select(element, drawn(places()), element.initial_channel),
  multi_static_select: (element) => many(labelled(options(element)), (element.initial_options || []).map((entry) => entry.value), "checkbox"),
  multi_users_select: (element) => many(people(), element.initial_users || [], "checkbox"),
  multi_conversations_select: (element) => many(places(), element.initial_conversations || [], "checkbox"),
  multi_channels_select: (element) => many(places(), element.initial_channels || [], "checkbox"),
  checkboxes: (element) => many(labelled(element.options), (element.initial_options || []).map((entry) => entry.value), "checkbox"),
  radio_buttons: (element) => many(labelled(element.options), element.initial_option ? [element.initial_option.value] : [], "radio", `radio-${number}`),
  unknown(element) {
    const made = h("span", { class: "muted" }, `A field of type “${element.type}”, which this page does not draw.`);
    return { node: made, control: made, read: () => undefined };
  },
};
