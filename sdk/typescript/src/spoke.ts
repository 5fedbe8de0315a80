import { Asking, type CallOptions, type SubscribeOptions } from "./asking.js";
import type { ResponseEnvelope } from "./envelope.js";
import { CallError } from "./errors.js";
import { connect, endpoint, type End, type Link, type Message } from "./link.js";
import type { HubOperations } from "./operations.js";
import { Serving, type Handler, type Offered, type OperationSpec, type StreamHandler } from "./serving.js";
import type { InputOf, OutputOf, Registered, SpokeOptions, State } from "./types.js";

const FIRST_PAUSE = 1_000;
const LONG_PAUSE = 5_000;
/** From so many failures on the hub is not merely restarting. */
const PATIENT_AFTER = 20;
const LONGEST_PAUSE = 30_000;
const CONNECT_TIMEOUT = 30_000;
/** What a hub takes whose `spokes.message_bytes` nobody has set. */
const MESSAGE_BYTES = 8 * 1024 * 1024;

/**
 * A connection to a hub that comes back by itself: calls and subscribes outwards, and serves what was offered.
 *
 * ```ts
 * const spoke = new Spoke({ url: "http://127.0.0.1:8080", key, id: "math" });
 * spoke.query({ namespace: "math", name: "add", description: "Adds.", inputSchema }, ({ a, b }) => a + b);
 * await spoke.start();
 * const info = await spoke.call("hub.info", {});
 * ```
 *
 * `Operations` are the operations whose types are known, the hub's own if nothing is said; any other id may be called
 * as well.
 */
export class Spoke<Operations extends object = HubOperations> {
  private readonly url: string;
  private readonly Socket: typeof WebSocket;
  private readonly offered = new Map<string, Offered>();
  private readonly asking = new Asking(() => this.link);
  private readonly serving: Serving;
  private link: Link | undefined;
  private stopping = new AbortController();
  private running: Promise<void> | undefined;
  private id: string | undefined;
  /** What the hub answered to the last registration. */
  registered: Registered | undefined;

  constructor(private readonly options: SpokeOptions) {
    const Socket = options.WebSocket ?? globalThis.WebSocket;
    if (!Socket) {
      throw new TypeError("There is no WebSocket here: use Node 22, `node --experimental-websocket`, or the option WebSocket.");
    }
    this.Socket = Socket;
    this.url = endpoint(options.url);
    this.id = options.id;
    this.serving = new Serving(this.offered, this.asking, options.maxCalls ?? 1024);
  }

  /** Offers a query: it changes nothing, and the hub may repeat it on another spoke. */
  query<I = Record<string, unknown>, O = unknown>(spec: OperationSpec, handler: Handler<I, O>): this {
    return this.offer({ ...spec, type: "query" }, handler);
  }

  /** Offers a mutation. */
  mutation<I = Record<string, unknown>, O = unknown>(spec: OperationSpec, handler: Handler<I, O>): this {
    return this.offer({ ...spec, type: "mutation" }, handler);
  }

  /** Offers a subscription: an async generator, which is returned when nobody listens any more. */
  subscription<I = Record<string, unknown>, O = unknown>(spec: OperationSpec, handler: StreamHandler<I, O>): this {
    return this.offer({ ...spec, type: "subscription" }, handler);
  }

  private offer(spec: Offered["spec"], handler: Offered["handler"]): this {
    if (this.running) throw new TypeError("Operations are offered before start().");
    const id = `${spec.namespace}.${spec.name}`;
    if (this.offered.has(id)) throw new TypeError(`${id} is offered already.`);
    this.offered.set(id, { spec, handler });
    return this;
  }

  /**
   * Connects, registers what is offered and stays connected until {@link stop}. Resolves when all of that has
   * worked once. After a failure, or when it has stopped, it may be called again.
   *
   * @throws {CallError} when the hub refuses the registration, or cannot be reached in time
   */
  start(): Promise<void> {
    if (this.running) throw new TypeError("start() was called already.");
    this.stopping = new AbortController();
    return new Promise((resolve, reject) => {
      const stopped = (error?: CallError) => {
        this.running = undefined;
        reject(error ?? new CallError("ABORTED", "The spoke was stopped."));
        this.tell(error ? { state: "stopped", error } : { state: "stopped" });
      };
      this.running = this.run(resolve).then(() => stopped(), stopped);
    });
  }

  /** Says goodbye and ends. Calls that run are aborted. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Calls whose answer is outstanding. */
  get pending(): number {
    return this.asking.pending;
  }

  /**
   * Calls an operation and gives its output.
   *
   * @throws {CallError}
   */
  call<Id extends keyof Operations & string>(id: Id, input: InputOf<Operations, Id>, options?: CallOptions): Promise<OutputOf<Operations, Id>>;
  call<T = unknown, Id extends string = string>(operationId: Other<Operations, Id>, input?: unknown, options?: CallOptions): Promise<T>;
  async call(operationId: string, input?: unknown, options: CallOptions = {}): Promise<unknown> {
    return (await this.envelope(operationId, input, options)).data;
  }

  /** The same with where the result came from. */
  async envelope(operationId: string, input?: unknown, options: CallOptions = {}): Promise<ResponseEnvelope> {
    return this.asking.call(operationId, input, options);
  }

  /**
   * Subscribes when the first item is asked for; leaving the loop ends it at its source. A consumer that is slow
   * slows the stream down.
   *
   * @throws {CallError} from the loop
   */
  subscribe<Id extends keyof Operations & string>(
    id: Id,
    input: InputOf<Operations, Id>,
    options?: SubscribeOptions,
  ): AsyncGenerator<OutputOf<Operations, Id>, void, void>;
  subscribe<T = unknown, Id extends string = string>(
    operationId: Other<Operations, Id>,
    input?: unknown,
    options?: SubscribeOptions,
  ): AsyncGenerator<T, void, void>;
  async *subscribe(operationId: string, input?: unknown, options: SubscribeOptions = {}): AsyncGenerator<unknown, void, void> {
    for await (const item of this.asking.subscribe(operationId, input, options)) yield item.data;
  }

  private async run(ready: () => void): Promise<void> {
    const { signal } = this.stopping;
    const patience = performance.now() + (this.options.connectTimeoutMs ?? CONNECT_TIMEOUT);
    let started = false;
    for (let failures = 0; !signal.aborted; ) {
      this.tell({ state: "connecting" });
      const { end, refused, welcomed } = await this.once(() => {
        started = true;
        ready();
      });
      if (signal.aborted) return;
      if (refused) throw refused;
      const over = fatal(end);
      if (over) throw over;
      failures = welcomed ? 0 : failures + 1;
      const reason = end.opened ? `the connection ended with code ${end.code}: ${end.reason || "no reason"}` : "no connection: the hub is away, or does not accept the key";
      const pauseMs = pause(failures);
      if (!started && performance.now() + pauseMs > patience) {
        throw new CallError("UNAVAILABLE", `${this.url}: ${reason}.`);
      }
      this.tell({ state: "waiting", reason, failures, pauseMs });
      await sleep(pauseMs, signal);
    }
  }

  private async once(ready: () => void): Promise<{ end: End; refused: CallError | undefined; welcomed: boolean }> {
    let refused: CallError | undefined;
    let welcomed = false;
    let beating: ReturnType<typeof setInterval> | undefined;
    const opened = (link: Link) => {
      this.link = link;
      const welcome = async () => {
        const registered = this.offered.size > 0 || this.options.id ? await this.register() : undefined;
        welcomed = true;
        beating = this.beat(link, registered);
        this.tell(registered ? { state: "connected", registered } : { state: "connected" });
        ready();
      };
      welcome().catch((error: CallError) => {
        if (link.open) {
          if (error.code !== "UNAVAILABLE" && error.code !== "TIMEOUT") refused = error;
          link.close(1000, "not registered");
        }
      });
    };
    const { key, maxMessageBytes = MESSAGE_BYTES } = this.options;
    const end = await connect(this.Socket, this.url, key, maxMessageBytes, this.stopping.signal, opened, (message, link) =>
      this.receive(message, link),
    );
    clearInterval(beating);
    this.link = undefined;
    this.serving.end();
    this.asking.end();
    return { end, refused, welcomed };
  }

  private receive(message: Message, link: Link): void {
    const { type, payload } = message;
    const requestId = String(payload["requestId"]);
    if (type === "call.requested") this.serving.requested(payload, link);
    else if (type === "call.credit") this.serving.credited(requestId, payload["items"]);
    else if (type !== "call.aborted" || !this.serving.aborted(requestId)) this.asking.receive(message);
  }

  private async register(): Promise<Registered> {
    const operations = [...this.offered.values()].map(({ spec }) => ({
      version: "1.0.0",
      outputSchema: {},
      accessControl: { requiredScopes: [] },
      errorSchemas: [],
      ...spec,
    }));
    const { type = "client", metadata } = this.options;
    const input = { spokeId: this.id, spokeType: type, operations, metadata };
    const answer = await this.asking.call("hub.register", input, { deadline: Date.now() + 20_000 });
    this.registered = answer.data as Registered;
    // An id that the hub made up stays over reconnections.
    this.id = this.registered.spokeId;
    return this.registered;
  }

  /** Signs of life, which a page cannot send as pings, and the look whether the hub still gives any. */
  private beat(link: Link, registered: Registered | undefined): ReturnType<typeof setInterval> {
    const interval = registered?.heartbeatIntervalMs ?? 30_000;
    const timer = setInterval(() => {
      if (performance.now() - link.heard > 2 * interval) return link.abandon("no sign of life");
      const [id, input] = registered ? ["hub.heartbeat", { load: this.serving.active }] : ["hub.info", {}];
      this.asking.call(id as string, input, { deadline: Date.now() + interval }).catch(() => {});
    }, interval);
    (timer as { unref?: () => void }).unref?.();
    return timer;
  }

  private tell(state: State): void {
    this.options.onState?.(state);
  }
}

/** An id whose types are not known. */
type Other<Operations, Id extends string> = Id extends keyof Operations ? never : Id;

/** Ends after which there is no sense in going on. */
function fatal({ code }: End): CallError | undefined {
  if (code === 4401) return new CallError("ACCESS_DENIED", "The key is not valid any more: it is expired, revoked or rotated.");
  if (code === 4409) return new CallError("ABORTED", "A newer connection has registered the same spoke id.", { reason: "replaced" });
  return undefined;
}

/** Full jitter: anything up to a bound that doubles, so that the spokes of a hub that restarts do not come at once. */
function pause(failures: number): number {
  const most = failures < PATIENT_AFTER ? LONG_PAUSE : LONGEST_PAUSE;
  return Math.random() * Math.min(FIRST_PAUSE * 2 ** Math.min(failures, 10), most);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
