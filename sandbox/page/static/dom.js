// Builds the page from data. Words reach it as text nodes only, whoever wrote them.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "on") for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "vars") for (const [property, set] of Object.entries(value)) made.style.setProperty(property, set);
    else if (name in PROPERTIES) made[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  append(made, children);
  return made;
}

const PROPERTIES = { value: 1, checked: 1, disabled: 1, selected: 1, hidden: 1, multiple: 1 };

function append(parent, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === "") continue;
    if (Array.isArray(child)) append(parent, child);
    else parent.append(child instanceof Node ? child : String(child));
  }
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Keeps what has not changed, so that nothing flickers and nobody loses the focus.
export function reconcile(parent, items, draw) {
  const known = new Map([...parent.children].map((child) => [child.__key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    let node = known.get(item.key);
    known.delete(item.key);
    if (!node || node.__version !== item.version) {
      const fresh = draw(item);
      fresh.__key = item.key;
      fresh.__version = item.version;
      if (node) {
        if (at === node) at = fresh;
        node.replaceWith(fresh);
      }
      node = fresh;
    }
    if (at === node) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  for (const gone of known.values()) gone.remove();
}

export function replace(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
}

// Only addresses that open a page or a mail; anything else is shown as the words it is.
export function link(url, label, extra = {}) {
  if (!/^(https?:|mailto:)/i.test(url)) return h("span", {}, label || url);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow", ...extra }, label || url);
}

export function iconButton(picture, label, onClick, extra = {}) {
  const { class: more = "", ...rest } = extra;
  return h("button", { type: "button", class: `icon-button ${more}`, title: label, "aria-label": label, on: { click: onClick }, ...rest }, picture);
}

// Keeps a list at its end while the reader is there: when lines come, pictures load, or the list is shown or resized.
export function stickToEnd(box, deep = false) {
  let stuck = true;
  const settle = () => { if (stuck) box.scrollTop = box.scrollHeight; };
  box.addEventListener("scroll", () => { if (box.clientHeight) stuck = box.scrollHeight - box.scrollTop - box.clientHeight < 90; }, { passive: true });
  box.addEventListener("load", settle, true);
  // Whoever brings a place in the middle into view lets go of the end first.
  box.letGo = () => { stuck = false; };
  new ResizeObserver(settle).observe(box);
  new MutationObserver(settle).observe(box, { childList: true, subtree: deep });
  return box;
}

export function grow(area, most = 220) {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight, most)}px`;
}
