// Draws one message's blocks the way an agent sees them: JSON on standard input, a whole page on standard output.
import { text } from "node:stream/consumers";
import { readFileSync } from "node:fs";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
// By its file: the package's entry for Node is CommonJS that requires an ES module, which only newer Nodes allow.
import { Message } from "./node_modules/slack-blocks-to-jsx/dist/index.mjs";

const { blocks, name, theme } = JSON.parse(await text(process.stdin));
const style = readFileSync(new URL("node_modules/slack-blocks-to-jsx/dist/style.css", import.meta.url), "utf8");
const logo = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";
const body = renderToStaticMarkup(createElement(Message, { blocks, name, logo, theme, time: new Date(0) }));
process.stdout.write(`<!doctype html><meta charset="utf-8"><style>${style}</style><body>${body}</body>`);
