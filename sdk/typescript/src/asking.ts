import { isResponseEnvelope, type ResponseEnvelope } from "./envelope.js";
import { CallError } from "./errors.js";
import type { Link, Message } from "./link.js";
import { uuid } from "./uuid.js";

/** Items that may come before the consumer takes them; the hub pauses a stream there. */
const WINDOW = 128;

/** What may be said of a call. */
export interface CallOptions {
  /** Milliseconds since the Unix epoch; then the call fails with `TIMEOUT`. */
  deadline?: number;
  /** Aborts the call, also where it runs. */
  signal?: AbortSignal;
  /** The call that makes this one; `call.call` of a handler fills it in. */
  parentRequestId?: string;
  /** Free data for the handler. */
  metadata?: Record<string, unknown>;
  /**
   * Names this one intention, 1 to 255 visible ASCII characters. A mutation that honours it has its effect once, however
   * often it is called with the key; a repetition gets the first answer, and its envelope's `meta` says `replayed`.
   */
  idempotencyKey?: string;
}

/** What may be said of a subscription. */
export interface SubscribeOptions extends Omit<CallOptions, "deadline" | "idempotencyKey"> {
  /** Most milliseconds between two items; then the stream fails with `TIMEOUT`. */
  idleTimeout?: number;
}

interface Waiting {
  responded(envelope: ResponseEnvelope): void;
  failed(error: CallError): void;
  completed(): void;
  aborted(): void;
}

/** Calls of this side that wait for the other. */
export class Asking {
  private readonly waiting = new Map<string, Waiting>();

  constructor(private readonly link: () => Link | undefined) {}

  /** How many wait. */
  get pending(): number {
    return this.waiting.size;
  }

  /** Takes a message; whether it was for one of these. */
  receive({ type, payload }: Message): boolean {
    const id = String(payload["requestId"]);
    const waiting = this.waiting.get(id);
    if (!waiting) return false;
    switch (type) {
      case "call.responded": {
        const { output } = payload;
        if (isResponseEnvelope(output)) waiting.responded(output);
        else waiting.failed(new CallError("EXECUTION_ERROR", "The answer is no response envelope {data, meta}."));
        return true;
      }
      case "call.error":
        waiting.failed(new CallError(String(payload["code"]), String(payload["message"]), payload["details"] ?? undefined));
        return true;
      case "call.completed":
        waiting.completed();
        return true;
      case "call.aborted":
        waiting.aborted();
        return true;
      default:
        return false;
    }
  }

  /** The connection is over: nothing will be answered. */
  end(): void {
    for (const waiting of [...this.waiting.values()]) {
      waiting.failed(new CallError("ABORTED", "The connection to the hub ended.", { reason: "disconnected" }));
    }
  }

  async call(operationId: string, input: unknown, options: CallOptions): Promise<ResponseEnvelope> {
    const { link, requestId } = this.begin(options.signal);
    const { deadline, signal } = options;
    // Before it is waited for: what has no JSON, or too much, throws here.
    link.send("call.requested", request(requestId, operationId, input, options, { deadline }));
    return new Promise<ResponseEnvelope>((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.waiting.delete(requestId);
      };
      const failed = (error: CallError) => {
        done();
        reject(error);
      };
      const giveUp = (error: CallError) => {
        link.send("call.aborted", { requestId });
        failed(error);
      };
      const abort = () => giveUp(new CallError("ABORTED", `The call of ${operationId} was aborted.`));
      this.waiting.set(requestId, {
        responded: (envelope) => {
          done();
          resolve(envelope);
        },
        failed,
        completed: () => failed(new CallError("ABORTED", "The call was completed without response.")),
        aborted: () => failed(new CallError("ABORTED", "The call was aborted by the peer that served it.")),
      });
      signal?.addEventListener("abort", abort);
      if (deadline) {
        const timeout = () => giveUp(new CallError("TIMEOUT", `Request ${requestId} timed out`, { deadline }));
        // Longer ones do not fit a timer; the hub keeps the deadline as well.
        timer = setTimeout(timeout, Math.min(Math.max(0, deadline - Date.now()), 2 ** 31 - 1));
      }
    });
  }

  /** Asks when the first item is asked for. */
  async *subscribe(operationId: string, input: unknown, options: SubscribeOptions): AsyncGenerator<ResponseEnvelope, void, void> {
    const { link, requestId } = this.begin(options.signal);
    const { idleTimeout, signal } = options;
    link.send("call.requested", request(requestId, operationId, input, options, { idleTimeout, window: WINDOW }));
    const items: ResponseEnvelope[] = [];
    let ended = false;
    let error: CallError | undefined;
    let wake = () => {};
    const end = (reason?: CallError) => {
      ended = true;
      error = reason;
      this.waiting.delete(requestId);
      wake();
    };
    const giveUp = (reason?: CallError) => {
      if (ended) return;
      link.send("call.aborted", { requestId });
      end(reason);
    };
    const abort = () => giveUp();
    this.waiting.set(requestId, {
      responded: (envelope) => {
        if (items.push(envelope) > 2 * WINDOW) {
          return giveUp(new CallError("ABORTED", "Items came faster than they were read.", { reason: "slow_consumer" }));
        }
        wake();
      },
      failed: end,
      completed: () => end(),
      aborted: () => end(),
    });
    signal?.addEventListener("abort", abort);
    try {
      for (let taken = 0; ; ) {
        const item = items.shift();
        if (item) {
          if (++taken >= WINDOW / 2 && !ended) {
            link.send("call.credit", { requestId, items: taken });
            taken = 0;
          }
          yield item;
          continue;
        }
        if (error) throw error;
        if (ended) return;
        let timer: ReturnType<typeof setTimeout> | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (idleTimeout) {
            const silent = () => giveUp(new CallError("TIMEOUT", `No item came for ${idleTimeout} ms.`, { idleTimeout }));
            timer = setTimeout(silent, idleTimeout);
          }
        });
        clearTimeout(timer);
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      giveUp();
    }
  }

  private begin(signal: AbortSignal | undefined): { link: Link; requestId: string } {
    if (signal?.aborted) throw new CallError("ABORTED", "The call was aborted before it began.");
    const link = this.link();
    if (!link?.open) throw new CallError("UNAVAILABLE", "There is no connection to the hub at the moment.");
    return { link, requestId: uuid() };
  }
}

function request(
  requestId: string,
  operationId: string,
  input: unknown,
  options: Pick<CallOptions, "parentRequestId" | "metadata" | "idempotencyKey">,
  more: object,
): object {
  const { parentRequestId, idempotencyKey } = options;
  const metadata = idempotencyKey === undefined ? options.metadata : { ...options.metadata, idempotencyKey };
  // What is undefined is left out of the JSON.
  return { requestId, operationId, input: input ?? {}, parentRequestId, metadata, ...more };
}
