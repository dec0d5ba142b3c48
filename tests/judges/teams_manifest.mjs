// Reads app manifests with Microsoft's JSON schema: {name: manifest} on standard input, {name: [objection]} on standard output.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import Ajv from "ajv-draft-04";
import addFormats from "ajv-formats";

const SCHEMAS = new URL("./node_modules/@microsoft/app-manifest/build/json-schemas/teams/", import.meta.url);
const [version] = process.argv.slice(2);
const file = fileURLToPath(new URL(`v${version}/MicrosoftTeams.schema.json`, SCHEMAS));
// The schema itself uses words that a strict reader does not know.
const ajv = new Ajv.default({ allErrors: true, strict: false });
addFormats.default(ajv);
const fits = ajv.compile(JSON.parse(readFileSync(file, "utf8")));
const found = {};
for (const [name, sample] of Object.entries(JSON.parse(await text(process.stdin)))) {
  fits(sample);
  found[name] = (fits.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
  );
}
process.stdout.write(JSON.stringify(found));
