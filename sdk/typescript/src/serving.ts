import type { Asking, CallOptions, SubscribeOptions } from "./asking.js";
import { wrap, type ResponseEnvelope } from "./envelope.js";
import { CallError, mapError } from "./errors.js";
import type { Link } from "./link.js";

/** An operation as it is registered. */
export interface OperationSpec {
  namespace: string;
  name: string;
  /** `1.0.0` if absent. */
  version?: string;
  title?: string;
  description: string;
  tags?: string[];
  /** JSON Schema of the input; the hub checks every input against it. */
  inputSchema: object;
  /** JSON Schema of the output, or of one item. */
  outputSchema?: object;
  /** Demands on the caller; without any, every key may call it. */
  accessControl?: {
    requiredScopes: string[];
    requiredScopesAny?: string[];
    resourceType?: string;
    resourceAction?: string;
  };
  errorSchemas?: { code: string; description: string; schema?: object; httpStatus?: number }[];
  /** Of a mutation: a repetition does no harm, so the hub may try another spoke if this one goes away. */
  idempotent?: boolean;
}

/** On behalf of whom, as the hub has verified it. */
export interface Identity {
  id: string;
  scopes: string[];
  resources?: Record<string, string[]>;
}

/** What a handler knows of the call that it serves. */
export interface Call {
  requestId: string;
  parentRequestId?: string;
  identity?: Identity;
  metadata?: Record<string, unknown>;
  /** Milliseconds since the Unix epoch. */
  deadline?: number;
  /** Aborted when nobody wants the answer any more, or at the deadline. */
  signal: AbortSignal;
  /** Calls an operation of the hub or, through it, of another spoke, as a child of this call. */
  call<T = unknown>(operationId: string, input?: unknown, options?: CallOptions): Promise<T>;
  /** The same for a subscription. */
  subscribe<T = unknown>(operationId: string, input?: unknown, options?: SubscribeOptions): AsyncGenerator<T, void, void>;
}

/** Serves a query or a mutation. */
export type Handler<I, O> = (input: I, call: Call) => O | ResponseEnvelope<O> | Promise<O | ResponseEnvelope<O>>;

/** Serves a subscription; it is returned when nobody listens any more. */
export type StreamHandler<I, O> = (input: I, call: Call) => AsyncIterable<O | ResponseEnvelope<O>>;

/** An operation with its handler. */
export interface Offered {
  spec: OperationSpec & { type: "query" | "mutation" | "subscription" };
  handler: Handler<never, unknown> | StreamHandler<never, unknown>;
}

interface Running {
  abort: AbortController;
  /** Items that may be sent; without a bound, infinitely many. */
  credit: number;
  wake: () => void;
}

/** Waits for a result of a handler, or until its call is stopped. */
type OrStopped = <T>(result: T | PromiseLike<T>) => Promise<T>;

/** Calls of the other side that run here. */
export class Serving {
  private readonly running = new Map<string, Running>();

  constructor(
    private readonly offered: ReadonlyMap<string, Offered>,
    private readonly asking: Asking,
    private readonly most: number,
  ) {}

  /** How many run. */
  get active(): number {
    return this.running.size;
  }

  requested(payload: Record<string, unknown>, link: Link): void {
    const requestId = String(payload["requestId"]);
    const operationId = String(payload["operationId"]);
    const offered = this.offered.get(operationId);
    const refuse = (code: string, message: string, details?: unknown) =>
      fail(link, requestId, new CallError(code, message, details));
    if (this.running.has(requestId)) return;
    if (!offered) return refuse("OPERATION_NOT_FOUND", `There is no operation ${operationId} here.`, { operationId });
    if (this.running.size >= this.most) return refuse("RATE_LIMITED", "Too many calls run here already; try again.");
    const window = payload["window"];
    const running: Running = {
      abort: new AbortController(),
      credit: typeof window === "number" ? window : Infinity,
      wake: () => {},
    };
    this.running.set(requestId, running);
    void this.serve(offered, requestId, operationId, payload, running, link).finally(() => this.running.delete(requestId));
  }

  /** Nobody wants the answer any more. Whether it ran here. */
  aborted(requestId: string): boolean {
    const running = this.running.get(requestId);
    running?.abort.abort();
    running?.wake();
    return running !== undefined;
  }

  credited(requestId: string, items: unknown): void {
    const running = this.running.get(requestId);
    if (!running || typeof items !== "number") return;
    running.credit += items;
    running.wake();
  }

  /** The connection is over. */
  end(): void {
    for (const requestId of [...this.running.keys()]) this.aborted(requestId);
  }

  private async serve(
    { spec, handler }: Offered,
    requestId: string,
    operationId: string,
    payload: Record<string, unknown>,
    running: Running,
    link: Link,
  ): Promise<void> {
    const { signal } = running.abort;
    const { deadline } = payload;
    let late: CallError | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (typeof deadline === "number" && deadline > 0) {
      const timeout = () => {
        late = new CallError("TIMEOUT", `Request ${requestId} timed out`, { deadline });
        running.abort.abort(late);
        running.wake();
      };
      timer = setTimeout(timeout, Math.min(Math.max(0, deadline - Date.now()), 2 ** 31 - 1));
    }
    // A handler that does not look at its signal is not waited for. There is one place for the wait that is to be
    // broken off: races with a promise that lives as long as the stream would all be kept by that promise.
    let breakOff: (reason: CallError) => void = () => {};
    const reason = () => late ?? new CallError("ABORTED", "The call was aborted.");
    signal.addEventListener("abort", () => breakOff(reason()));
    const orStopped: OrStopped = (result) =>
      new Promise((resolve, reject) => {
        breakOff = reject;
        Promise.resolve(result).then(resolve, reject);
        if (signal.aborted) reject(reason());
      });
    try {
      const call = this.context(requestId, payload, signal);
      const input = (payload["input"] ?? {}) as never;
      if (spec.type === "subscription") {
        await this.stream(handler as StreamHandler<never, unknown>, input, call, requestId, operationId, running, link, orStopped);
        if (!signal.aborted) link.send("call.completed", { requestId });
      } else {
        const output = await orStopped((handler as Handler<never, unknown>)(input, call));
        if (!signal.aborted) link.send("call.responded", { requestId, output: wrap(output, operationId) });
      }
    } catch (thrown) {
      if (!signal.aborted || late) fail(link, requestId, mapError(thrown, spec.errorSchemas ?? []));
    } finally {
      clearTimeout(timer);
    }
  }

  private async stream(
    handler: StreamHandler<never, unknown>,
    input: never,
    call: Call,
    requestId: string,
    operationId: string,
    running: Running,
    link: Link,
    orStopped: OrStopped,
  ): Promise<void> {
    const items = handler(input, call)[Symbol.asyncIterator]();
    try {
      for (;;) {
        while (running.credit < 1 && !call.signal.aborted) {
          await new Promise<void>((resolve) => (running.wake = resolve));
        }
        await link.room();
        if (call.signal.aborted) return;
        const next = await orStopped(items.next());
        if (next.done) return;
        running.credit -= 1;
        link.send("call.responded", { requestId, output: wrap(next.value, operationId) });
      }
    } finally {
      // Not waited for: a generator that sleeps returns only when it wakes.
      void items.return?.()?.catch(() => {});
    }
  }

  private context(requestId: string, payload: Record<string, unknown>, signal: AbortSignal): Call {
    const { asking } = this;
    const child = <O extends CallOptions | SubscribeOptions>(options: O | undefined): O =>
      ({ signal, parentRequestId: requestId, ...options }) as O;
    const call: Call = {
      requestId,
      signal,
      async call<T>(operationId: string, input?: unknown, options?: CallOptions): Promise<T> {
        return (await asking.call(operationId, input, child(options))).data as T;
      },
      async *subscribe<T>(operationId: string, input?: unknown, options?: SubscribeOptions): AsyncGenerator<T, void, void> {
        for await (const item of asking.subscribe(operationId, input, child(options))) yield item.data as T;
      },
    };
    const { parentRequestId, identity, metadata, deadline } = payload;
    if (typeof parentRequestId === "string") call.parentRequestId = parentRequestId;
    if (typeof identity === "object" && identity) call.identity = identity as Identity;
    if (typeof metadata === "object" && metadata) call.metadata = metadata as Record<string, unknown>;
    if (typeof deadline === "number" && deadline > 0) call.deadline = deadline;
    return call;
  }
}

/** Sends an error; where it cannot be sent, why. */
function fail(link: Link, requestId: string, { code, message, details }: CallError): void {
  try {
    link.send("call.error", { requestId, code, message, details });
  } catch (unsendable) {
    const large = unsendable instanceof CallError;
    const why = large ? unsendable : new CallError("EXECUTION_ERROR", "The details of the error have no JSON.");
    link.send("call.error", { requestId, code: why.code, message: why.message });
  }
}
