// Pictures for people who have none: small portraits of colleagues, letters for everybody else.
import { h, svg } from "./dom.js";
import { world } from "./store.js";
import { hue, initials } from "./words.js";

// The parts of a portrait; agents get the first two, so that they are told apart at a glance.
const LOOKS = [
  { paper: "#f7d9c4", skin: "#f3cdb0", shade: "#e3ad8b", hair: "#8c4a23", cloth: "#2f6f6a", cut: "long" },
  { paper: "#c9dcec", skin: "#c98f65", shade: "#ad744c", hair: "#211a18", cloth: "#d0892b", cut: "short", beard: true },
  { paper: "#dcd6f0", skin: "#e6b48e", shade: "#cd946c", hair: "#2b2118", cloth: "#7a4b8c", cut: "bun" },
  { paper: "#d3e8d4", skin: "#8a5836", shade: "#704428", hair: "#15110f", cloth: "#b8503c", cut: "curls" },
  { paper: "#f3e3b5", skin: "#f6d6bd", shade: "#e2b596", hair: "#c98f3a", cloth: "#34558b", cut: "short" },
  { paper: "#e7d3dc", skin: "#b57a50", shade: "#98603a", hair: "#332018", cloth: "#3c7a45", cut: "long" },
];

// What lies behind the head, and what falls over the forehead.
const CUTS = {
  long: {
    back: "M8.700 33c-1.300-6-.6-10.500.2-15C9.900 11 14 7.200 20 7.200S30.100 11 31.100 18c.8 4.500 1.500 9 .2 15z",
    front: "M11.900 18.600c.2-5.600 3.500-8.900 8.300-8.900 4.600 0 7.700 3.200 7.900 8.900-3.300-.7-5.900-2.500-7.600-5.200-1.900 3-4.700 4.700-8.600 5.200z",
  },
  short: {
    back: "M11.400 19.500c-1-7.500 3-11.600 8.600-11.600s9.600 4.100 8.600 11.600z",
    front: "M11.900 18.300c-.2-5.400 3-8.800 8.100-8.800s8.300 3.400 8.100 8.800c-.7-2.200-1.500-3.500-2.700-4.300-3.300 1-7.600.9-10.300-.4-1.600.9-2.500 2.400-3.200 4.700z",
  },
  bun: {
    back: "M20 1.800a4.600 4.600 0 0 1 3.300 7.800c3.700 1.200 6.100 4.600 5.500 9.900H11.200c-.6-5.300 1.800-8.700 5.500-9.900A4.600 4.600 0 0 1 20 1.800z",
    front: "M11.900 18.300c.1-5.400 3.300-8.500 8.100-8.500s8 3.100 8.100 8.500c-2.200-3.800-4.700-5.400-8.100-5.400s-5.900 1.600-8.100 5.400z",
  },
  curls: {
    back: "M10.300 21c-2.400-1.500-2.200-5 0-6-.5-3.500 2.600-5.600 5-5 1.600-2.900 6.400-3.400 8.600-.8 3-.9 5.800 1.700 5.300 4.600 2.600 1.200 2.700 5.500.4 7.200z",
    front: "M11.900 18c-.3-4.600 2.400-7.300 4.900-7 1.800-1.800 5.200-1.700 6.500.1 2.800-.5 5 2.700 4.800 6.900-.9-2-2-3-3.500-3.200-1.100 1-3 1-4.100.1-1.300 1.100-3.500 1-4.600-.2-1.900.1-3.300 1.300-4 3.300z",
  },
};

export function portrait(look, size = 36, extra = "") {
  const { paper, skin, shade, hair, cloth, cut, beard } = LOOKS[look % LOOKS.length];
  const picture = svg("svg", { viewBox: "0 0 40 40", width: size, height: size, "aria-hidden": "true" });
  const path = (d, fill, more = {}) => svg("path", { d, fill, ...more });
  picture.append(
    svg("rect", { width: 40, height: 40, fill: paper }),
    path(CUTS[cut].back, hair),
    path("M3.500 42c.3-8.600 6.700-12.200 16.500-12.200S36.200 33.400 36.500 42z", cloth),
    path("M16.200 22.500h7.600v7.200c0 2.500-1.700 4.100-3.800 4.100s-3.800-1.600-3.800-4.100z", shade),
    path("M12.200 17.500c0-4.700 3.200-7.700 7.800-7.700s7.800 3 7.800 7.700v2.300c0 4.900-3.500 8.300-7.800 8.300s-7.800-3.400-7.800-8.300z", skin),
    ...(beard ? [path("M12.200 19.500c1.300 2 2.700 2.900 4.200 2.700 1.500-.9 5.700-.9 7.200 0 1.500.2 2.900-.7 4.200-2.700v.6c0 5.200-3.500 8.600-7.800 8.600s-7.800-3.400-7.800-8.600z", hair), path("M17.400 24c1.500 1.200 3.700 1.200 5.200 0z", "#f7ece6")] : [path("M17.200 23.300c1.600 1.700 4 1.700 5.600 0", "none", { stroke: "#a4513f", "stroke-width": 1.100, "stroke-linecap": "round" })]),
    path(CUTS[cut].front, hair),
    svg("circle", { cx: 16.900, cy: 19.300, r: 0.950, fill: "#2a1c14" }),
    svg("circle", { cx: 23.100, cy: 19.300, r: 0.950, fill: "#2a1c14" }),
  );
  return h("span", { class: `avatar ${extra}`, vars: { "--size": `${size}px` } }, picture);
}

// A person of the workspace.
export function face(id, size = 36) {
  const agent = world.page.agents.indexOf(id);
  return portrait(agent >= 0 ? agent : 2 + (hue(id) % (LOOKS.length - 2)), size);
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
