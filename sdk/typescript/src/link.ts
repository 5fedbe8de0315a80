import { CallError } from "./errors.js";

/** Bytes that may wait in the socket before streams pause. */
const BUFFERED = 1024 * 1024;

/** A message as it was read. */
export interface Message {
  type: string;
  id: string;
  payload: Record<string, unknown>;
}

/** An open connection. */
export class Link {
  /** When something was last heard, by the clock of `performance`. */
  heard = performance.now();

  constructor(
    private readonly socket: WebSocket,
    /** Most bytes of a message. */
    private readonly most: number,
    private readonly ended: (end: End) => void,
  ) {}

  /** Whether messages can be sent. */
  get open(): boolean {
    return this.socket.readyState === 1;
  }

  /**
   * Sends a message; what is sent after the end is lost, as it would be on the way.
   *
   * @throws {CallError} `PAYLOAD_TOO_LARGE`: the other end would close the connection, with all that runs on it
   */
  send(type: string, payload: object): void {
    if (!this.open) return;
    const text = JSON.stringify({ type, id: "", payload });
    if (exceeds(text, this.most)) throw new CallError("PAYLOAD_TOO_LARGE", `The message is larger than ${this.most} bytes.`);
    this.socket.send(text);
  }

  /** Waits until what was sent is on its way. */
  async room(): Promise<void> {
    // Browsers have no event for it.
    while (this.open && this.socket.bufferedAmount > BUFFERED) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  /** Ends it without waiting for the other side, which may be gone without a word. */
  abandon(reason: string): void {
    this.socket.close(4408, reason);
    this.ended({ opened: true, code: 4408, reason });
  }
}

/** How a connection ended. */
export interface End {
  opened: boolean;
  code: number;
  reason: string;
}

/**
 * Connects. `opened` is called with the open link, `received` for every message that can be read; the promise
 * resolves at the end.
 */
export function connect(
  Socket: typeof WebSocket,
  url: string,
  key: string,
  most: number,
  signal: AbortSignal,
  opened: (link: Link) => void,
  received: (message: Message, link: Link) => void,
): Promise<End> {
  return new Promise((resolve) => {
    // Browsers cannot set headers, and a key in the address would end up in logs.
    const socket = new Socket(url, ["alkhub.v1", `bearer.${key}`]);
    const link = new Link(socket, most, resolve);
    let wasOpen = false;
    const stop = () => socket.close(1000, "the spoke stops");
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    socket.addEventListener("open", () => {
      wasOpen = true;
      link.heard = performance.now();
      opened(link);
    });
    socket.addEventListener("message", (event) => {
      link.heard = performance.now();
      const message = parse(event.data);
      if (message) received(message, link);
    });
    // An error should be followed by a close, but is not in Node 20 where the connection never opened.
    socket.addEventListener("error", () => {
      if (wasOpen) return;
      signal.removeEventListener("abort", stop);
      resolve({ opened: false, code: 1006, reason: "" });
    });
    socket.addEventListener("close", ({ code, reason }) => {
      signal.removeEventListener("abort", stop);
      resolve({ opened: wasOpen, code, reason });
    });
  });
}

/** Whether a text has more bytes than that; a unit of a string has one to three. */
function exceeds(text: string, most: number): boolean {
  return text.length > most || (text.length * 3 > most && new TextEncoder().encode(text).length > most);
}

function parse(data: unknown): Message | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const { type, id, payload } = JSON.parse(data) as Partial<Message>;
    if (typeof type !== "string") return undefined;
    return { type, id: typeof id === "string" ? id : "", payload: typeof payload === "object" && payload ? payload : {} };
  } catch {
    return undefined;
  }
}

/** The address of the call protocol for an address of the hub. */
export function endpoint(url: string): string {
  const address = new URL(url);
  address.protocol = address.protocol.replace("http", "ws");
  if (!address.pathname.endsWith("/ws")) address.pathname = `${address.pathname.replace(/\/+$/, "")}/ws`;
  return address.href;
}
