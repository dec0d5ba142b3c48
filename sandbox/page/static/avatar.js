// Pictures for people who have none: small portraits, the same for the same name every time.
import { h, svg } from "./dom.js";
import { hue, initials } from "./words.js";

const SKINS = ["#f6d2b8", "#e8b48f", "#c98d63", "#a06a43", "#7a4b2c"];
const HAIRS = ["#2b2118", "#4a2f1b", "#7a4a22", "#b8752f", "#1d1f2b", "#8c8f99"];
const CLOTHES = ["#2f6f6a", "#b8503c", "#34558b", "#c58a1e", "#6a4a8c", "#3c7a45"];

const HAIR = [
  // Long, over the shoulders.
  (color) => [svg("path", { d: "M9.500 19c-1.500 5-1.800 8-1 12h23c.8-4 .5-7-1-12-.6-7-5-10.500-10.500-10.500S10.100 12 9.500 19z", fill: color })],
  // Short.
  (color) => [svg("path", { d: "M11 18c-.7-7 3.500-10.200 9-10.200s9.700 3.200 9 10.200z", fill: color })],
  // A bun.
  (color) => [svg("circle", { cx: 20, cy: 6.500, r: 4, fill: color }), svg("path", { d: "M10.700 19c-.5-7.500 3.800-11 9.300-11s9.800 3.500 9.300 11z", fill: color })],
  // Curls.
  (color) => [[12, 14, 4.500], [16, 9.800, 4.500], [22, 9, 4.800], [27, 12.500, 4.500], [29, 18, 3.200], [11, 19, 3.200]].map(([cx, cy, r]) => svg("circle", { cx, cy, r, fill: color })),
];
const FRINGE = [
  (color) => svg("path", { d: "M12 17c.5-4.500 3.500-6.500 8-6.500s7.500 2 8 6.500c-3-.5-5-2-6.500-4-2 2.500-5 4-9.500 4z", fill: color }),
  (color) => svg("path", { d: "M11.800 17.200c.4-4.700 3.700-7 8.200-7s7.800 2.300 8.200 7c-1.200-2.300-2.200-3.400-3.700-4-3.500 1.300-8.500 1.200-9.500.3-1.500.8-2.500 1.900-3.200 3.700z", fill: color }),
];

export function portrait(name, size = 36, extra = "") {
  const seed = hue(name) * 7 + [...String(name)].length * 3;
  const pick = (list, step) => list[Math.floor(seed / step) % list.length];
  const hair = pick(HAIRS, 3);
  const style = Math.floor(seed / 5) % HAIR.length;
  const picture = svg("svg", { viewBox: "0 0 40 40", width: size, height: size, "aria-hidden": "true" });
  picture.append(
    svg("rect", { width: 40, height: 40, fill: `hsl(${hue(name)} 45% 78%)` }),
    ...HAIR[style](hair),
    svg("path", { d: "M4 42c.5-9 7-13 16-13s15.500 4 16 13z", fill: pick(CLOTHES, 11) }),
    svg("path", { d: "M16.500 23h7v6.500a3.500 3.500 0 0 1-7 0z", fill: pick(SKINS, 2), "fill-opacity": 0.92 }),
    svg("ellipse", { cx: 20, cy: 18.500, rx: 7.600, ry: 8.600, fill: pick(SKINS, 2) }),
    FRINGE[style % 2](hair),
    svg("circle", { cx: 17, cy: 19, r: 0.950, fill: "#2a1c14" }),
    svg("circle", { cx: 23, cy: 19, r: 0.950, fill: "#2a1c14" }),
    svg("path", { d: "M17.300 22.600c1.600 1.500 3.800 1.500 5.400 0", fill: "none", stroke: "#8a4b38", "stroke-width": 1, "stroke-linecap": "round" }),
  );
  return h("span", { class: `avatar ${extra}`, vars: { "--size": `${size}px` } }, picture);
}

export function letters(name, size = 36, extra = "") {
  return h("span", { class: `avatar letters ${extra}`, vars: { "--size": `${size}px`, "--hue": hue(name) }, "aria-hidden": "true" }, initials(name));
}

// The app's own sign: a bridge over a thread.
export function appIcon(size = 36, extra = "") {
  const picture = svg("svg", { viewBox: "0 0 40 40", width: size, height: size, "aria-hidden": "true" });
  picture.append(
    svg("rect", { width: 40, height: 40, fill: "#1f2a44" }),
    svg("path", { d: "M5 27.500h30", stroke: "#f2f5fb", "stroke-width": 2.600, "stroke-linecap": "round" }),
    svg("path", { d: "M12.500 31V12.500M27.500 31V12.500", stroke: "#f2f5fb", "stroke-width": 2.600, "stroke-linecap": "round" }),
    svg("path", { d: "M5 20.500c3.500-.5 6-3 7.500-7.500 2 9.500 13 9.500 15 0 1.500 4.500 4 7 7.500 7.500", fill: "none", stroke: "#43c6ac", "stroke-width": 2.400, "stroke-linecap": "round" }),
  );
  return h("span", { class: `avatar ${extra}`, vars: { "--size": `${size}px` } }, picture);
}
