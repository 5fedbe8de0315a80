/** Calls an alkhub server and serves operations to it, from Node and from browsers. */
export { CallError } from "./errors.js";
export { isResponseEnvelope } from "./envelope.js";
export { Spoke } from "./spoke.js";
export type { Meta, ResponseEnvelope } from "./envelope.js";
export type { BaseSpokeOperations, HubOperations } from "./operations.js";
export type { Call, Handler, Identity, OperationSpec, StreamHandler } from "./serving.js";
export type { CallOptions, SubscribeOptions } from "./asking.js";
export type { InputOf, OutputOf, Prefixed, Registered, SpokeOptions, State } from "./types.js";
