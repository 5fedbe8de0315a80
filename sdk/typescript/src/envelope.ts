/** Where a result came from. */
export type Meta = {
  /** It is the answer to an earlier call with the same idempotency key. */
  replayed?: boolean;
} & (
  | { source: "local"; operationId: string; timestamp: number }
  | { source: "http"; statusCode: number; headers: Record<string, string>; contentType: string }
  | {
      source: "mcp";
      isError: boolean;
      content: unknown[];
      structuredContent?: Record<string, unknown>;
      _meta?: Record<string, unknown>;
    }
);

/** A result with where it came from. */
export interface ResponseEnvelope<T = unknown> {
  data: T;
  meta: Meta;
}

/** Whether a value is an envelope already, which then travels as it is. */
export function isResponseEnvelope(value: unknown): value is ResponseEnvelope {
  if (typeof value !== "object" || value === null || !("data" in value) || !("meta" in value)) return false;
  const { meta } = value;
  return typeof meta === "object" && meta !== null && "source" in meta && ["local", "http", "mcp"].includes(String(meta.source));
}

/** The value in an envelope. */
export function wrap(value: unknown, operationId: string): ResponseEnvelope {
  if (isResponseEnvelope(value)) return value;
  // `undefined` has no JSON.
  return { data: value ?? null, meta: { source: "local", operationId, timestamp: Date.now() } };
}
