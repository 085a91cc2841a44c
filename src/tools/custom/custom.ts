import type { CustomTool, ToolContext, ToolOutcome } from '../../contracts/agents/tool.ts';
import { type ErrorCode, HowdahError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { asTool } from './uncaught-tool-errors.ts';

/** The TypeScript tools of this process by name. */
export type CustomTools = ReadonlyMap<string, CustomTool>;

/** Gathers tools by name; two of one name are a mistake of the program. */
export function customTools(tools: readonly CustomTool[]): CustomTools {
  const byName = new Map<string, CustomTool>();
  for (const tool of tools) {
    if (byName.has(tool.name)) {
      throw new HowdahError('HWCNF', `two custom tools are named ${tool.name}`, {
        hint: 'Give each tool a name of its own.',
      });
    }
    byName.set(tool.name, tool);
  }
  return byName;
}

/**
 * Runs a custom tool. It ends when its signal fires, whether the tool listens to it or not; what it throws
 * becomes the outcome it says (`CustomTool`), and a result that is no JSON `tool_failed`.
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
    return { ok: true, value: JSON.parse(JSON.stringify(value) ?? 'null') };
  } catch (error) {
    const isOurs = context.signal.aborted && error === context.signal.reason;
    return { ok: false, error: isOurs ? ended(error) : failure(error) };
  } finally {
    context.signal.removeEventListener('abort', abort);
  }
}

type Failure = (ToolOutcome & { ok: false })['error'];

/** The signal fired: for the tool's time-out, else because the run is over for us. */
export function ended(reason: unknown): Failure {
  return reason instanceof Error && reason.name === 'TimeoutError'
    ? { code: 'timeout', message: 'the tool took longer than its time-out', retryable: true }
    : { code: 'cancelled', message: 'the run was cancelled', retryable: false };
}

/** What a tool may throw: an error that says more than its message. */
type Told = { retryable?: unknown; code?: unknown; retry_after_ms?: unknown; cause?: unknown };

/** Codes that a tool may give an error worth another attempt. */
const CODES: readonly ErrorCode[] = ['rate_limited', 'overloaded', 'unreachable', 'timeout'];

const DAY_MS = 86_400_000;

/** A connection that broke under a request: the other side may have got it. */
const BROKEN =
  /^(ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|UND_ERR_(SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT))$/;

function failure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const told: Told = typeof error === 'object' && error !== null ? error : {};
  if (told.retryable !== true) {
    const code = isBroken(told) ? 'unreachable' : ownCode(told);
    return { code, message, retryable: false };
  }
  const { retry_after_ms: wait } = told;
  return {
    code: CODES.find((code) => code === told.code) ?? 'tool_failed',
    message,
    retryable: true,
    ...(typeof wait === 'number' && wait >= 0
      ? { retry_after_ms: Math.ceil(Math.min(wait, DAY_MS)) }
      : {}),
  };
}

/** A tool may say that another call with other arguments might do. */
function ownCode({ code }: Told): ErrorCode {
  return code === 'invalid_arguments' ? code : 'tool_failed';
}

/** `fetch` wraps what happened in its cause. */
function isBroken({ code, cause }: Told, depth = 0): boolean {
  return (
    (typeof code === 'string' && BROKEN.test(code)) ||
    (typeof cause === 'object' && cause !== null && depth < 4 && isBroken(cause, depth + 1))
  );
}
