// Parses every ```logql block of the Markdown files that are given, with the grammar of Grafana's query editor:
// `make logql`. A block is one query. Prints what the grammar refuses, and then ends with the exit code 1.
import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-logql";

// The grammar recovers from errors. These queries show that it still reports them.
const INVALID = [
  '{container="a"} | json | new != old',
  '{container="a"} {container="b"}',
  'sum by (level) (count_over_time({container="a"} | json))',
];

// Where the first error of a query is; those after it are often its consequences.
function firstError(query) {
  const offsets = [];
  parser.parse(query).iterate({ enter: (node) => void (node.type.isError && offsets.push(node.from)) });
  return offsets[0];
}

function blocks(text) {
  return [...text.matchAll(/^```logql\n(.*?)^```$/gms)].map((match) => ({
    line: text.slice(0, match.index).split("\n").length + 1,
    query: match[1],
  }));
}

const messages = INVALID.filter((query) => firstError(query) === undefined).map((query) => `not refused: ${query}`);
const queries = process.argv.slice(2).flatMap((file) =>
  blocks(readFileSync(file, "utf8")).map((block) => ({ file, ...block })),
);
for (const { file, line, query } of queries) {
  const offset = firstError(query);
  if (offset === undefined) continue;
  const before = query.slice(0, offset).split("\n");
  const rest = query.slice(offset).split("\n")[0];
  messages.push(`${file}:${line + before.length - 1}:${before.at(-1).length + 1}: not LogQL: ${rest}`);
}
if (!queries.length) messages.push("no ```logql block in the given files");
for (const message of messages) console.error(message);
console.log(`${queries.length} LogQL queries, ${messages.length} errors`);
process.exitCode = messages.length ? 1 : 0;
