// Compiles, or does not: what the types must know.
import { Spoke, type BaseSpokeOperations, type HubOperations, type Prefixed } from "../src/index.js";

const spoke = new Spoke<HubOperations & Prefixed<"dev", BaseSpokeOperations>>({ url: "http://127.0.0.1:8080", key: "alk_x_y" });

export async function typed(): Promise<void> {
  const file = await spoke.call("dev.fs.read", { path: "README.md" });
  const content: string = file.content;
  // @ts-expect-error the path is missing
  await spoke.call("dev.fs.read", { offset: content.length });
  // @ts-expect-error a number is no path
  await spoke.call("dev.fs.read", { path: 7 });
  for await (const item of spoke.subscribe("dev.shell.exec", { command: "true" })) {
    const kind: "started" | "stdout" | "stderr" | "exit" = item.kind;
    void kind;
  }
  const anything: unknown = await spoke.call("some.other", { free: true });
  void anything;
  const { items } = await spoke.call("project.list", {});
  const first: string | undefined = items[0]?.name;
  void first;
}
