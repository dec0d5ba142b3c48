// Reads cards with Microsoft's own renderer: {name: card} on standard input, {name: [objection]} on standard output.
import { text } from "node:stream/consumers";
import library from "./node_modules/adaptivecards/dist/adaptivecards.js";

const { AdaptiveCard, HostConfig, SerializationContext, Versions } = library;
// The renderer counts what is behind "…" as well; Teams shows six buttons and puts the rest there.
const host = new HostConfig({ supportsInteractivity: true, actions: { maxActions: 0 } });
const found = {};
for (const [name, sample] of Object.entries(JSON.parse(await text(process.stdin)))) {
  const context = new SerializationContext(Versions.v1_5);
  const card = new AdaptiveCard();
  card.hostConfig = host;
  card.parse(sample, context);
  const parsing = Array.from({ length: context.eventCount }, (_, at) => context.getEventAt(at).message);
  const validity = card.validateProperties().validationEvents.map((event) => event.message);
  found[name] = [...parsing, ...validity];
}
process.stdout.write(JSON.stringify(found));
