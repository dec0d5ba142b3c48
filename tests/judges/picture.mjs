// Draws one message's blocks the way an agent sees them: JSON on standard input, a whole page on standard output.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// Required, not imported: its ES build names files that Node does not resolve.
const require = createRequire(import.meta.url);
const { createElement } = require("react");
const { renderToStaticMarkup } = require("react-dom/server");
const { Message } = require("slack-blocks-to-jsx");

const { blocks, name, theme } = JSON.parse(readFileSync(0, "utf8"));
const style = readFileSync(new URL("node_modules/slack-blocks-to-jsx/dist/style.css", import.meta.url), "utf8");
const logo = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";
const body = renderToStaticMarkup(createElement(Message, { blocks, name, logo, theme, time: new Date(0) }));
process.stdout.write(`<!doctype html><meta charset="utf-8"><style>${style}</style><body>${body}</body>`);
