// What the SDK must do, the same in Node and in a browser: each function is a test, given the SDK and a running hub.

function equal(actual, expected) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

async function fails(promise, code) {
  try {
    await promise;
  } catch (error) {
    equal(error.code, code);
    return error;
  }
  throw new Error(`no ${code}`);
}

async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

const object = { type: "object" };
let numbers = 0;

function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

async function withSpokes({ Spoke, url, key, offers }, test) {
  const prefix = `ts-${Date.now().toString(36)}-${numbers++}`;
  const spokes = [];
  for (const [index, offer] of offers.entries()) {
    const spoke = new Spoke({ url, key, id: `${prefix}-${index}`, metadata: { index } });
    offer(spoke);
    spokes.push(spoke);
  }
  try {
    await Promise.all(spokes.map((spoke) => spoke.start()));
    await test(...spokes, (index, id) => `${prefix}-${index}.${id}`);
  } finally {
    await Promise.all(spokes.map((spoke) => spoke.stop()));
  }
}

export const tests = {
  async "calls operations of the hub"(hub) {
    await withSpokes({ ...hub, offers: [() => {}] }, async (client) => {
      equal(typeof (await client.call("hub.info", {})).version, "string");
      const envelope = await client.envelope("hub.info", {});
      equal([envelope.meta.source, envelope.meta.operationId], ["local", "hub.info"]);
      await fails(client.call("no.such"), "OPERATION_NOT_FOUND");
      const error = await fails(client.call("project.create", { name: 5 }), "VALIDATION_ERROR");
      equal(Array.isArray(error.details.faults), true);
      equal(client.pending, 0);
    });
  },

  async "repeats a call under its idempotency key"(hub) {
    const offer = (spoke) =>
      spoke.mutation({ namespace: "key", name: "told", description: "Tells its key.", inputSchema: object }, (_, call) => call.metadata);
    await withSpokes({ ...hub, offers: [offer, () => {}] }, async (_, client, id) => {
      const input = { name: `ts ${Date.now()} ${numbers++}`, repository: "https://git.example/ts" };
      const options = { idempotencyKey: `ts-${input.name}`.replaceAll(" ", "-"), metadata: { free: 1 } };
      const first = await client.envelope("project.create", input, options);
      const again = await client.envelope("project.create", input, options);
      equal([again.data, first.meta.replayed, again.meta.replayed], [first.data, undefined, true]);
      await fails(client.call("project.create", input), "PROJECT_EXISTS");
      await fails(client.call("project.create", { ...input, name: "other" }, options), "IDEMPOTENCY_KEY_REUSED");
      await fails(client.call("project.create", input, { idempotencyKey: "" }), "BAD_REQUEST");
      const { free, idempotencyKey } = await client.call(id(0, "key.told"), {}, options);
      equal([free, idempotencyKey], [1, options.idempotencyKey]);
    });
  },

  async "serves queries that the hub has checked"(hub) {
    const offer = (spoke) =>
      spoke
        .query(
          { namespace: "math", name: "add", description: "Adds.", inputSchema: { ...object, required: ["a", "b"], properties: { a: { type: "number" }, b: { type: "number" } } } },
          ({ a, b }, call) => ({ sum: a + b, caller: call.identity.id }),
        )
        .mutation({ namespace: "math", name: "refuse", description: "Refuses.", inputSchema: object, errorSchemas: [{ code: "NO_MATHS", description: "No." }] }, () => {
          throw new Error("NO_MATHS: not today");
        });
    await withSpokes({ ...hub, offers: [offer, () => {}] }, async (server, client, id) => {
      equal(server.registered.accepted, ["math.add", "math.refuse"]);
      const { sum, caller } = await client.call(id(0, "math.add"), { a: 1, b: 2 });
      equal([sum, typeof caller], [3, "string"]);
      equal((await client.call("math.add", { a: 1, b: 1 })).sum, 2);
      await fails(client.call(id(0, "math.add"), { a: "1" }), "VALIDATION_ERROR");
      equal((await fails(client.call(id(0, "math.refuse")), "NO_MATHS")).message, "NO_MATHS: not today");
    });
  },

  async "what has no JSON fails, and nothing waits for it"(hub) {
    const offer = (spoke) =>
      spoke
        .query({ namespace: "json", name: "answer", description: "Answers with what has none.", inputSchema: object }, () => 10n)
        .query({ namespace: "json", name: "error", description: "Fails with what has none.", inputSchema: object }, () => {
          throw 10n;
        });
    await withSpokes({ ...hub, offers: [offer, () => {}] }, async (server, client, id) => {
      const circular = {};
      circular.itself = circular;
      for (const input of [{ n: 10n }, circular]) {
        await fails(client.call("hub.info", input));
        await fails(client.subscribe("hub.watch", input).next());
      }
      equal(client.pending, 0);
      await fails(client.call(id(0, "json.answer")), "EXECUTION_ERROR");
      await fails(client.call(id(0, "json.error")), "EXECUTION_ERROR");
      equal(server.serving.active, 0);
    });
  },

  async "what is too large fails alone, and the connection stays"({ Spoke, url, key }) {
    const MIB = 1024 * 1024;
    const states = [];
    const onState = ({ state }) => states.push(state);
    const server = new Spoke({ url, key, onState });
    const client = new Spoke({ url, key, onState });
    const returned = gate();
    const text = (letter, mebi) => letter.repeat(mebi * MIB);
    server
      .query({ namespace: "large", name: "length", description: "Measures.", inputSchema: object }, (input) => input.text.length)
      .query({ namespace: "large", name: "text", description: "Repeats.", inputSchema: object }, ({ letter, mebi }) => text(letter, mebi))
      .query({ namespace: "large", name: "error", description: "Fails at length.", inputSchema: object }, () => {
        throw new Error(text("a", 9));
      })
      .subscription({ namespace: "large", name: "item", description: "Ends with a large item.", inputSchema: object }, async function* () {
        try {
          yield "small";
          yield text("a", 9);
          yield "never";
        } finally {
          returned.open();
        }
      });
    await Promise.all([server.start(), client.start()]);
    const id = (name) => `${server.registered.spokeId}.large.${name}`;
    try {
      // Three bytes each, and two: what counts is not how many there are.
      for (const [letter, mebi] of [["a", 9], ["€", 3], ["é", 5]]) {
        await fails(client.call(id("length"), { text: text(letter, mebi) }), "PAYLOAD_TOO_LARGE");
        await fails(client.subscribe(id("item"), { text: text(letter, mebi) }).next(), "PAYLOAD_TOO_LARGE");
        await fails(client.call(id("text"), { letter, mebi }), "PAYLOAD_TOO_LARGE");
      }
      equal(client.pending, 0);
      for (const [letter, mebi] of [["a", 7], ["é", 3]]) {
        equal(await client.call(id("length"), { text: text(letter, mebi) }), mebi * MIB);
        equal((await client.call(id("text"), { letter, mebi })).length, mebi * MIB);
      }
      await fails(client.call(id("error")), "PAYLOAD_TOO_LARGE");
      const items = client.subscribe(id("item"));
      equal((await items.next()).value, "small");
      await fails(items.next(), "PAYLOAD_TOO_LARGE");
      await returned.opened;
      equal(states.filter((state) => state !== "connecting"), ["connected", "connected"]);
    } finally {
      await Promise.all([server.stop(), client.stop()]);
    }
    const tight = new Spoke({ url, key, maxMessageBytes: 500, metadata: { text: "a".repeat(500) }, id: "tight" });
    await fails(tight.start(), "PAYLOAD_TOO_LARGE");
  },

  async "streams as fast as the consumer takes"(hub) {
    let made = 0;
    let returned = gate();
    const offer = (spoke) =>
      spoke.subscription({ namespace: "count", name: "up", description: "Counts.", inputSchema: object }, async function* ({ to }) {
        try {
          for (let n = 0; n < to; n++) yield (made = n);
        } finally {
          returned.open();
        }
      });
    await withSpokes({ ...hub, offers: [offer, () => {}] }, async (server, client, id) => {
      const items = [];
      for await (const item of client.subscribe(id(0, "count.up"), { to: 1000 })) items.push(item);
      equal([items.length, items[999]], [1000, 999]);
      await returned.opened;
      returned = gate();
      for await (const item of client.subscribe(id(0, "count.up"), { to: 1e9 })) {
        if (item === 10) {
          // The consumer is slow now; the source waits for it.
          await new Promise((resolve) => setTimeout(resolve, 300));
          const before = made;
          await new Promise((resolve) => setTimeout(resolve, 300));
          equal(made, before);
          if (made > 10_000) throw new Error(`the source ran ahead to ${made}`);
          break;
        }
      }
      await returned.opened;
      equal(client.pending, 0);
    });
  },

  async "keeps nothing of the items that a stream has sent"(hub) {
    // Node and the browser are started so that they have it.
    const { gc } = globalThis;
    const made = [];
    const offer = (spoke) =>
      spoke.subscription({ namespace: "keep", name: "none", description: "Streams, and waits.", inputSchema: object }, async function* (_, call) {
        for (let n = 0; n < 1000; n++) {
          const item = { n };
          made.push(new WeakRef(item));
          yield item;
        }
        await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      });
    await withSpokes({ ...hub, offers: [offer, () => {}] }, async (server, client, id) => {
      for await (const { n } of client.subscribe(id(0, "keep.none"))) {
        if (n < 999) continue;
        let kept;
        for (let tries = 0; tries < 100 && !(kept < 10); tries++) {
          await new Promise((resolve) => setTimeout(resolve, 10));
          gc();
          kept = made.filter((item) => item.deref()).length;
        }
        equal([kept < 10, server.serving.active], [true, 1]);
        break;
      }
    });
  },

  async "ends streams with their error and after silence"(hub) {
    const offer = (spoke) =>
      spoke.subscription({ namespace: "flow", name: "end", description: "Ends.", inputSchema: object }, async function* ({ how }, call) {
        yield 1;
        if (how === "error") throw new Error("it broke");
        await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      });
    await withSpokes({ ...hub, offers: [offer, () => {}] }, async (server, client, id) => {
      const read = async (how, options) => {
        for await (const item of client.subscribe(id(0, "flow.end"), { how }, options)) equal(item, 1);
      };
      await fails(read("error"), "EXECUTION_ERROR");
      await fails(read("silence", { idleTimeout: 200 }), "TIMEOUT");
      await until(() => server.serving.active === 0);
    });
  },

  async "aborts and deadlines reach the handler"(hub) {
    const seen = [];
    const offer = (spoke) =>
      spoke.query({ namespace: "wait", name: "long", description: "Waits.", inputSchema: object }, async (_, call) => {
        const started = gate();
        call.signal.addEventListener("abort", () => {
          seen.push("aborted");
          started.open();
        });
        seen.push("started");
        await started.opened;
      });
    await withSpokes({ ...hub, offers: [offer, () => {}] }, async (server, client, id) => {
      const abort = new AbortController();
      const call = client.call(id(0, "wait.long"), {}, { signal: abort.signal });
      await until(() => seen.length === 1);
      abort.abort();
      await fails(call, "ABORTED");
      await until(() => seen.length === 2);
      await fails(client.call(id(0, "wait.long"), {}, { deadline: Date.now() + 200 }), "TIMEOUT");
      await until(() => seen.length === 4);
      equal(seen, ["started", "aborted", "started", "aborted"]);
      await fails(client.call(id(0, "wait.long"), {}, { deadline: 1 }), "TIMEOUT");
    });
  },

  async "nested calls are children and end with their parent"(hub) {
    let aborted = gate();
    const inner = (spoke) =>
      spoke.query({ namespace: "nest", name: "inner", description: "Inner.", inputSchema: object }, async ({ wait }, call) => {
        if (wait) {
          await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
          aborted.open();
        }
        return call.parentRequestId;
      });
    const outer = (target) => (spoke) =>
      spoke.query({ namespace: "nest", name: "outer", description: "Outer.", inputSchema: object }, async (input, call) => ({
        own: call.requestId,
        parentOfInner: await call.call("nest.inner", input),
      }));
    await withSpokes({ ...hub, offers: [inner, outer(), () => {}] }, async (a, b, client, id) => {
      const { own, parentOfInner } = await client.call(id(1, "nest.outer"), {});
      equal(parentOfInner, own);
      const abort = new AbortController();
      const call = client.call(id(1, "nest.outer"), { wait: true }, { signal: abort.signal });
      await until(() => a.serving.active === 1);
      abort.abort();
      await fails(call, "ABORTED");
      await aborted.opened;
    });
  },

  async "comes back after it was disconnected, under the same id"({ Spoke, url, key }) {
    const states = [];
    const spoke = new Spoke({ url, key, onState: ({ state }) => states.push(state) });
    spoke.query({ namespace: "back", name: "again", description: "Is there.", inputSchema: object }, () => "here");
    const admin = new Spoke({ url, key });
    await Promise.all([spoke.start(), admin.start()]);
    const { spokeId } = spoke.registered;
    const pending = spoke.call("hub.call", { operationId: `${spokeId}.back.again`, input: {} });
    equal(await pending, "here");
    await admin.call("spoke.disconnect", { spokeId });
    await until(() => states.filter((state) => state === "connected").length === 2);
    equal(spoke.registered.spokeId, spokeId);
    equal(await admin.call(`${spokeId}.back.again`), "here");
    await spoke.stop();
    equal(states.at(-1), "stopped");
    await fails(spoke.call("hub.info", {}), "UNAVAILABLE");
    await until(async () => (await admin.call("spoke.list", {})).items.every((item) => item.spokeId !== spokeId));
    await admin.stop();
  },

  async "a heartbeat on a connection that closes harms nobody"({ Spoke, key }) {
    const [sockets, uncaught] = [[], []];
    // Registers spokes, and is closing from then on.
    class Closing extends EventTarget {
      readyState = 1;
      bufferedAmount = 0;

      constructor() {
        super();
        sockets.push(this);
        setTimeout(() => this.dispatchEvent(new Event("open")));
      }

      send(text) {
        const { requestId } = JSON.parse(text).payload;
        const data = { spokeId: "closing", prefix: "closing", heartbeatIntervalMs: 50, accepted: [], rejected: [] };
        const output = { data, meta: { source: "local", operationId: "hub.register", timestamp: 0 } };
        const answer = JSON.stringify({ type: "call.responded", id: "", payload: { requestId, output } });
        setTimeout(() => {
          this.dispatchEvent(Object.assign(new Event("message"), { data: answer }));
          this.readyState = 2;
        });
      }

      close(code, reason) {
        this.readyState = 3;
        setTimeout(() => this.dispatchEvent(Object.assign(new Event("close"), { code, reason })));
      }
    }
    const caught = (event) => uncaught.push(String(event.error ?? event));
    const { process } = globalThis;
    if (process) process.on("uncaughtException", caught);
    else globalThis.addEventListener("error", caught);
    const spoke = new Spoke({ url: "http://closing", key, id: "closing", WebSocket: Closing });
    try {
      await spoke.start();
      // Its silence is noticed in the end.
      await until(() => sockets.length === 2);
      equal(uncaught, []);
    } finally {
      await spoke.stop();
      if (process) process.off("uncaughtException", caught);
      else globalThis.removeEventListener("error", caught);
    }
  },

  async "leaves no listeners behind while it tries"({ Spoke, key }) {
    const { random } = Math;
    const listeners = new Set();
    let most = 0;
    let failures = 0;
    const onState = (state) => {
      if (state.state === "waiting") ({ failures } = state);
    };
    const spoke = new Spoke({ url: "http://127.0.0.1:1", key, onState });
    // Pauses are random up to a bound that grows.
    Math.random = () => 0;
    try {
      const start = spoke.start();
      const { signal } = spoke.stopping;
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (type, listener) => {
        most = Math.max(most, listeners.add(listener).size);
        addEventListener.call(signal, type, listener);
      };
      signal.removeEventListener = (type, listener) => {
        listeners.delete(listener);
        removeEventListener.call(signal, type, listener);
      };
      await until(() => failures >= 10);
      equal(most <= 2, true);
      await Promise.all([fails(start, "ABORTED"), spoke.stop()]);
    } finally {
      Math.random = random;
    }
  },

  async "a stop from within onState is not slept through"({ Spoke, key }) {
    const onState = ({ state }) => state === "waiting" && spoke.stop();
    const spoke = new Spoke({ url: "http://127.0.0.1:1", key, onState, connectTimeoutMs: Infinity });
    const { random } = Math;
    // A pause of weeks.
    Math.random = () => 1e6;
    try {
      await fails(spoke.start(), "ABORTED");
    } finally {
      Math.random = random;
    }
  },

  async "says why it cannot start"({ Spoke, url, key, limitedKey }) {
    const wrong = new Spoke({ url, key: key.replace(/.$/, (last) => (last === "0" ? "1" : "0")), id: "wrong", connectTimeoutMs: 500 });
    const error = await fails(wrong.start(), "UNAVAILABLE");
    if (!error.message.includes("key")) throw new Error(error.message);
    const away = new Spoke({ url: "http://127.0.0.1:1", key, connectTimeoutMs: 500 });
    await fails(away.start(), "UNAVAILABLE");
    const limited = new Spoke({ url, key: limitedKey, id: "limited" });
    await fails(limited.start(), "ACCESS_DENIED");
    const stopped = new Spoke({ url: "http://127.0.0.1:1", key });
    const start = stopped.start();
    await stopped.stop();
    await fails(start, "ABORTED");
  },

  async "starts again after it failed, was replaced or was stopped"({ Spoke, url, key }) {
    let where = "ws://127.0.0.1:1";
    const states = [];
    class Elsewhere extends WebSocket {
      constructor(address, protocols) {
        super(where ?? address, protocols);
      }
    }
    const id = `again-${Date.now().toString(36)}`;
    const spoke = new Spoke({ url, key, id, connectTimeoutMs: 0, WebSocket: Elsewhere, onState: ({ state }) => states.push(state) });
    await fails(spoke.start(), "UNAVAILABLE");
    await fails(spoke.start(), "UNAVAILABLE");
    where = undefined;
    spoke.query({ namespace: "again", name: "here", description: "Is here.", inputSchema: object }, () => "here");
    await spoke.start();
    equal(await spoke.call(`${id}.again.here`), "here");
    const newer = new Spoke({ url, key, id });
    await newer.start();
    await until(() => states.at(-1) === "stopped");
    await newer.stop();
    await spoke.start();
    equal(await spoke.call(`${id}.again.here`), "here");
    const stop = spoke.stop();
    await until(() => states.at(-1) === "stopped");
    const start = spoke.start();
    await Promise.all([stop, start]);
    equal(await spoke.call(`${id}.again.here`), "here");
    await spoke.stop();
    equal(states.filter((state) => state === "stopped").length, 5);
  },
};

/** Runs all of them; gives a line each. */
export async function run(hub) {
  const lines = [];
  for (const [name, test] of Object.entries(tests)) {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("not within 60 s")), 60_000)));
    try {
      await Promise.race([test(hub), late]);
      lines.push(`ok ${name}`);
    } catch (error) {
      lines.push(`FAILED ${name}: ${error.stack ?? error}`);
    }
    clearTimeout(timer);
  }
  return lines;
}
