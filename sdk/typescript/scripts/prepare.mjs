// Before the compiler: takes the hub's types from where code generation writes them, and clears what an earlier build
// left, so that a renamed source leaves no stale module in the package.
import { copyFile, rm } from "node:fs/promises";

const here = new URL("..", import.meta.url);
await rm(new URL("dist", here), { recursive: true, force: true });
await copyFile(new URL("../../generated/operations.ts", here), new URL("src/operations.ts", here));
