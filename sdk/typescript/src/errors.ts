/** Why a call failed: a code of the hub's or one that the operation declares. */
export class CallError extends Error {
  override readonly name = "CallError";

  /**
   * @param code for example `OPERATION_NOT_FOUND`, `ACCESS_DENIED`, `VALIDATION_ERROR`, `TIMEOUT`, `ABORTED`
   * @param message a sentence for people
   * @param details as the code says
   */
  constructor(
    readonly code: string,
    message: string,
    readonly details?: unknown,
  ) {
    super(message);
  }
}

/** What a handler threw, as it travels. The first declared code with which the message begins counts. */
export function mapError(thrown: unknown, declared: readonly { code: string }[]): CallError {
  if (thrown instanceof CallError) return thrown;
  if (!(thrown instanceof Error)) return new CallError("UNKNOWN_ERROR", String(thrown), { raw: thrown });
  const { message } = thrown;
  const found = declared.find(({ code }) => message === code || message.startsWith(`${code}:`));
  return new CallError(found?.code ?? "EXECUTION_ERROR", message);
}
