// The fields of a card: labels, what is asked of them, and what a person put in.
import { grow, h } from "../dom.js";
import { inline } from "./markdown.js";

let number = 0;

function field(element, context, control, read, node = control) {
  const id = `card-field-${++number}`;
  control.id = id;
  const error = h("div", { class: "card-error", id: `${id}-error`, role: "alert" });
  control.setAttribute("aria-describedby", error.id);
  if (element.isRequired) control.setAttribute("aria-required", "true");
  const clear = () => { error.textContent = ""; control.removeAttribute("aria-invalid"); };
  node.addEventListener("input", clear);
  node.addEventListener("change", clear);
  const check = () => {
    const problem = wrongWith(element, read(), control);
    error.textContent = problem;
    if (problem) control.setAttribute("aria-invalid", "true");
    return !problem;
  };
  context.inputs.push({ id: element.id, read, check, control });
  const label = element.label && h("label", { class: "card-label", for: id }, inline(element.label), element.isRequired && h("span", { class: "card-required", "aria-hidden": "true" }, " *"));
  return h("div", { class: "card-input" }, label, node, error);
}

function wrongWith(element, value, control) {
  const empty = value === undefined || value === null || String(value).trim() === "";
  const words = element.errorMessage;
  if (element.isRequired && (empty || (element.type === "Input.Toggle" && value !== String(element.valueOn ?? "true")))) return words || "This is required.";
  if (empty) return "";
  if (control.validity && !control.validity.valid) return words || "This is not valid.";
  if (element.regex && !matches(element.regex, value)) return words || "This does not look right.";
  return "";
}

function matches(pattern, value) {
  try {
    return new RegExp(pattern).test(value);
  } catch {
    return true;
  }
}

const plain = (element, type, extra = {}) => h("input", { class: "t-field", type, placeholder: element.placeholder || null, value: element.value ?? "", min: element.min ?? null, max: element.max ?? null, ...extra });

const TYPES = { tel: "tel", url: "url", email: "email", password: "password" };

export const INPUTS = {
  "Input.Text"(element, context) {
    const common = { maxlength: element.maxLength > 0 ? element.maxLength : null, dir: "auto" };
    if (!element.isMultiline) {
      const control = plain(element, TYPES[String(element.style).toLowerCase()] || "text", common);
      return field(element, context, control, () => control.value);
    }
    const control = h("textarea", { class: "t-field", rows: 4, placeholder: element.placeholder || null, value: element.value ?? "", ...common, on: { input: () => grow(control, 320) } });
    return field(element, context, control, () => control.value);
  },

  "Input.Number"(element, context) {
    const control = plain(element, "number", { step: "any" });
    return field(element, context, control, () => (control.value === "" ? undefined : Number(control.value)));
  },

  "Input.Date"(element, context) {
    const control = plain(element, "date");
    return field(element, context, control, () => control.value || undefined);
  },

  "Input.Time"(element, context) {
    const control = plain(element, "time");
    return field(element, context, control, () => control.value || undefined);
  },

  "Input.Toggle"(element, context) {
    const on = String(element.valueOn ?? "true");
    const off = String(element.valueOff ?? "false");
    const control = h("input", { type: "checkbox", role: "switch", checked: String(element.value ?? off) === on });
    const node = h("label", { class: "card-toggle" }, control, h("span", { class: "knob" }), h("span", { dir: "auto" }, inline(element.title || "")));
    return field(element, context, control, () => (control.checked ? on : off), node);
  },

  "Input.ChoiceSet"(element, context) {
    const choices = (element.choices || []).map((choice) => ({ title: String(choice.title ?? ""), value: String(choice.value ?? "") }));
    const chosen = String(element.value ?? "").split(element.isMultiSelect ? "," : "\u0000").filter(Boolean);
    const style = String(element.style || "compact").toLowerCase();
    if (element.isMultiSelect || style === "expanded") return boxes(element, context, choices, chosen);
    if (style === "filtered") return filtered(element, context, choices, chosen[0]);
    const control = h("select", { class: "t-field" }, h("option", { value: "" }, element.placeholder || "Select an option"), choices.map(({ title, value }) => h("option", { value }, title)));
    control.value = choices.some(({ value }) => value === chosen[0]) ? chosen[0] : "";
    return field(element, context, control, () => control.value || undefined, h("span", { class: "t-select" }, control));
  },
};

function boxes(element, context, choices, chosen) {
  const kind = element.isMultiSelect ? "checkbox" : "radio";
  const name = `card-choice-${++number}`;
  const made = choices.map(({ value }) => h("input", { type: kind, name, value, checked: chosen.includes(value) }));
  const node = h("div", { class: "card-choices", role: kind === "radio" ? "radiogroup" : "group", "aria-label": element.label || null, tabindex: "-1" }, choices.map(({ title }, at) => h("label", {}, made[at], h("span", { dir: "auto" }, inline(title)))));
  return field(element, context, node, () => made.filter((box) => box.checked).map((box) => box.value).join(",") || undefined);
}

function filtered(element, context, choices, chosen) {
  const id = `card-list-${++number}`;
  const control = h("input", { class: "t-field", type: "text", list: id, placeholder: element.placeholder || "Search", value: choices.find(({ value }) => value === chosen)?.title || "" });
  const read = () => choices.find(({ title }) => title === control.value)?.value;
  return field(element, context, control, read, h("span", {}, control, h("datalist", { id }, choices.map(({ title }) => h("option", { value: title })))));
}
