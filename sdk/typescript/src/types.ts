import type { CallError } from "./errors.js";

/** The input of an operation. */
export type InputOf<Operations, Id extends keyof Operations> = Operations[Id] extends { input: infer I } ? I : unknown;

/**
 * The output of an operation, or one item of a subscription. Of an operation that answers with a response envelope,
 * such as `hub.call`, it is what the envelope holds.
 */
export type OutputOf<Operations, Id extends keyof Operations> = Operations[Id] extends { output: infer O }
  ? O extends { data?: infer D; meta: object }
    ? D
    : O
  : unknown;

/** Operations as a spoke of this id offers them: `Prefixed<"dev", BaseSpokeOperations>` has `dev.fs.read`. */
export type Prefixed<Id extends string, Operations> = {
  [K in keyof Operations & string as `${Id}.${K}`]: Operations[K];
};

/** What the hub answered to the registration. */
export interface Registered {
  spokeId: string;
  prefix: string;
  heartbeatIntervalMs: number;
  /** Ids of operations without the prefix. */
  accepted: string[];
  /** What the hub did not take, and why. */
  rejected: { id: string; reason: string }[];
}

/** What a spoke is about. */
export type State =
  | { state: "connecting" }
  | { state: "connected"; registered?: Registered }
  | { state: "waiting"; reason: string; failures: number; pauseMs: number }
  | { state: "stopped"; error?: CallError };

/** How a spoke connects, and as what. */
export interface SpokeOptions {
  /** Address of the hub: `http(s)://` or `ws(s)://`, with or without `/ws`. */
  url: string;
  /** `alk_<id>_<secret>`; to register operations it needs the scope `spoke:connect`. */
  key: string;
  /** The spoke's id, which becomes the prefix of its operations. The hub makes one up if it is absent. */
  id?: string;
  /** What kind of machine it is; `client` if absent. */
  type?: string;
  /** Free data, shown in lists of spokes. */
  metadata?: Record<string, unknown>;
  /** Told of every change. */
  onState?: (state: State) => void;
  /** Most calls that run here at once; 1024 if absent. */
  maxCalls?: number;
  /** The hub's `spokes.message_bytes`, 8 MiB if absent. What is larger is not sent and fails with `PAYLOAD_TOO_LARGE`. */
  maxMessageBytes?: number;
  /** How long {@link Spoke.start} keeps trying before it fails; 30,000 ms if absent. Later losses are retried for ever. */
  connectTimeoutMs?: number;
  /** A WebSocket class where the platform has none: Node before 22 without `--experimental-websocket`. */
  WebSocket?: typeof globalThis.WebSocket;
}
