/** The fields of an error of Postgres, of the network or of Howdah, in one form. */
export type DatabaseFault = {
  code: string;
  message: string;
  hint: string | undefined;
  detail: string | undefined;
};

/** Reads code, message, hint and detail from any thrown value. */
export function faultOf(error: unknown): DatabaseFault {
  const fault = error as { code?: unknown; message?: unknown; hint?: unknown; detail?: unknown };
  return {
    code: typeof fault?.code === 'string' ? fault.code : 'unknown',
    message: typeof fault?.message === 'string' ? fault.message : String(error),
    hint: typeof fault?.hint === 'string' ? fault.hint : undefined,
    detail: typeof fault?.detail === 'string' ? fault.detail : undefined,
  };
}

/**
 * Returns whether the statement itself was rejected. The same statement would be rejected again.
 */
export function isRefusal(error: unknown): boolean {
  const { code } = faultOf(error);
  return (
    /^[0-9A-Z]{5}$/.test(code) && !/^(08|40|53|55|57|58)/.test(code) && !/^E[A-Z]{4}$/.test(code)
  );
}

/**
 * Returns whether the database was lost or could not be reached. It is not known whether the
 * database did the work.
 */
export function isConnectionLoss(error: unknown): boolean {
  const { code, message } = faultOf(error);
  return (
    /^(08|57P|53)|^E[A-Z]{4,}$/.test(code) ||
    /connection (terminated|error|ended)|connect(ion)? timeout|timeout exceeded|not queryable|read timeout/i.test(
      message,
    )
  );
}

/** Returns whether an error, or a text that quotes one, says that the database was lost. */
export function saysConnectionLoss(fault: unknown): boolean {
  if (typeof fault !== 'string') return fault instanceof Error && isConnectionLoss(fault);
  const quoted = /\bE(CONN|TIMEDOUT|HOST|NET|AI_)[A-Z]*\b|the database system is /.test(fault);
  return quoted || isConnectionLoss({ message: fault });
}

/**
 * Returns whether this process gave up the statement because its answer did not come in time. The
 * server may still be at work on it.
 */
export function isAnswerTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message === 'Query read timeout' || isAnswerTimeout(error.cause);
}

/**
 * Returns whether the same statement may succeed later: the database is away, overloaded or
 * restarting, or other sessions were in the way.
 */
export function isTransient(error: unknown): boolean {
  return isConnectionLoss(error) || /^(08|40|53|55|57|58)/.test(faultOf(error).code);
}

/**
 * Returns whether the database gave up the statement and undid it: a lock was not free in time, or
 * the statement took too long.
 */
export function isTimeout(error: unknown): boolean {
  return ['55P03', '57014'].includes(faultOf(error).code);
}
