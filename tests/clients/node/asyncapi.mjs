// Reads an AsyncAPI document as its tools do; a warning is a failure.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";
const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
for (const { severity, message, path } of diagnostics) console.log(["error", "warning", "info", "hint"][severity], path.join("/"), message);
console.log(document ? `${document.allMessages().length} messages, ${document.operations().length} operations` : "no document");
process.exit(document && diagnostics.every(({ severity }) => severity > 1) ? 0 : 1);
