import type { CustomTool, ToolContext, ToolOutcome } from '../../contracts/agents/tool.ts';
import { type ErrorCode, HowdahError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { stringifyJson } from '../../json/stringify-json.ts';
import { asTool } from './uncaught-tool-errors.ts';

/** The TypeScript tools of this process by name. */
export type CustomTools = ReadonlyMap<string, CustomTool>;

/**
 * Indexes tools by name. Throws if two tools have the same name, because that is a mistake of the
 * program.
 */
export function customTools(tools: readonly CustomTool[]): CustomTools {
  const byName = new Map<string, CustomTool>();
  for (const tool of tools) {
    if (byName.has(tool.name)) {
      throw new HowdahError('HWCNF', `two custom tools are named ${tool.name}`, {
        hint: 'Give each tool a different name.',
      });
    }
    byName.set(tool.name, tool);
  }
  return byName;
}

/**
 * Runs a custom tool. The call ends when its signal fires, even if the tool ignores the signal. An
 * error of the tool becomes the outcome that the error describes (`CustomTool`). A result that is
 * not JSON becomes `tool_failed`.
 */
export async function runCustomTool<Context extends ToolContext>(
  tool: Omit<CustomTool, 'run'> & { run(args: JsonObject, context: Context): Promise<Json> | Json },
  args: JsonObject,
  context: Context,
): Promise<ToolOutcome> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(context.signal.reason);
  context.signal.addEventListener('abort', abort, { once: true });
  try {
    context.signal.throwIfAborted();
    const value = await Promise.race([
      asTool(tool.name, async () => tool.run(args, context)),
      aborted,
    ]);
    return { ok: true, value: parseJson(stringifyJson(value) ?? 'null') };
  } catch (error) {
    const isOurs = context.signal.aborted && error === context.signal.reason;
    return { ok: false, error: isOurs ? errorOfAbort(error) : failure(error) };
  } finally {
    context.signal.removeEventListener('abort', abort);
  }
}

type Failure = (ToolOutcome & { ok: false })['error'];

/**
 * Converts the reason of an abort: a time-out of the tool, or the end of the run in this process.
 */
export function errorOfAbort(reason: unknown): Failure {
  return reason instanceof Error && reason.name === 'TimeoutError'
    ? { code: 'timeout', message: 'the tool took longer than its time-out', retryable: true }
    : { code: 'cancelled', message: 'the run was cancelled', retryable: false };
}

/** The properties of an error that a tool may throw. */
type ThrownError = {
  retryable?: unknown;
  code?: unknown;
  retry_after_ms?: unknown;
  cause?: unknown;
};

/** Codes that a tool may give to a retryable error. */
const CODES: readonly ErrorCode[] = ['rate_limited', 'overloaded', 'unreachable', 'timeout'];

const DAY_MS = 86_400_000;

/** Codes of a connection that broke during a request. The server may have received the request. */
const BROKEN =
  /^(ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|UND_ERR_(SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT))$/;

function failure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const thrown: ThrownError = typeof error === 'object' && error !== null ? error : {};
  if (thrown.retryable !== true) {
    const code = isBroken(thrown) ? 'unreachable' : ownCode(thrown);
    return { code, message, retryable: false };
  }
  const { retry_after_ms: wait } = thrown;
  return {
    code: CODES.find((code) => code === thrown.code) ?? 'tool_failed',
    message,
    retryable: true,
    ...(typeof wait === 'number' && wait >= 0
      ? { retry_after_ms: Math.ceil(Math.min(wait, DAY_MS)) }
      : {}),
  };
}

/**
 * Returns the code of a tool's error. `invalid_arguments` tells the model that a call with other
 * arguments may succeed.
 */
function ownCode({ code }: ThrownError): ErrorCode {
  return code === 'invalid_arguments' ? code : 'tool_failed';
}

/** Returns whether a connection broke. `fetch` wraps the original error in its cause. */
function isBroken({ code, cause }: ThrownError, depth = 0): boolean {
  return (
    (typeof code === 'string' && BROKEN.test(code)) ||
    (typeof cause === 'object' && cause !== null && depth < 4 && isBroken(cause, depth + 1))
  );
}
