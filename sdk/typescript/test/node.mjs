// Runs the tests in Node: HUB_URL, HUB_KEY and HUB_LIMITED_KEY name a hub.
import { Spoke } from "../dist/index.js";
import { run } from "./behaviour.mjs";

const { HUB_URL: url, HUB_KEY: key, HUB_LIMITED_KEY: limitedKey } = process.env;
const lines = await run({ Spoke, url, key, limitedKey });
console.log(lines.join("\n"));
// Whatever is still open would keep the process: that is a fault as well, which the runner's timeout finds.
process.exitCode = lines.every((line) => line.startsWith("ok ")) ? 0 : 1;
