// Fits the theme colour to the page: what is written on it, and a shade of it that can be read as text.

function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(first, second) {
  const [low, high] = [luminance(first), luminance(second)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function mix(rgb, other, share) {
  return rgb.map((value, at) => Math.round(value * (1 - share) + other[at] * share));
}

function css(rgb) {
  return `rgb(${rgb.join(" ")})`;
}

const LIGHT = [255, 255, 255];
const INK = [20, 22, 31];

export function applyColor(root, hex, dark) {
  const brand = channels(hex);
  const paper = dark ? [20, 22, 29] : LIGHT;
  const away = dark ? LIGHT : [0, 0, 0];
  const onBrand = contrast(brand, LIGHT) >= 3.6 || contrast(brand, LIGHT) >= contrast(brand, INK) ? LIGHT : INK;
  // White on a medium colour is nudged darker until small text passes 4.5:1.
  let fill = brand;
  for (let step = 0; step < 12 && contrast(fill, onBrand) < 4.5; step += 1) fill = mix(fill, onBrand === LIGHT ? [0, 0, 0] : LIGHT, 0.06);
  const soft = mix(paper, brand, dark ? 0.24 : 0.1);
  let text = brand;
  for (let step = 0; step < 24 && Math.min(contrast(text, paper), contrast(text, soft)) < 4.6; step += 1) text = mix(text, away, 0.08);
  root.style.setProperty("--brand", css(fill));
  root.style.setProperty("--brand-deep", css(mix(fill, onBrand === LIGHT ? [10, 8, 40] : LIGHT, 0.18)));
  root.style.setProperty("--on-brand", css(onBrand));
  root.style.setProperty("--brand-text", css(text));
  root.style.setProperty("--brand-soft", css(soft));
}
