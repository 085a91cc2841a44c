import { HowdahError } from '../contracts/errors.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { CustomTool, ToolContext, ToolOutcome } from '../contracts/tool.ts';

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
 * becomes `tool_failed`, and so does a result that is no JSON.
 */
export async function runCustomTool(
  tool: CustomTool,
  args: JsonObject,
  context: ToolContext,
): Promise<ToolOutcome> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(context.signal.reason);
  context.signal.addEventListener('abort', abort, { once: true });
  try {
    context.signal.throwIfAborted();
    const value = await Promise.race([(async () => tool.run(args, context))(), aborted]);
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
function ended(reason: unknown): Failure {
  return reason instanceof Error && reason.name === 'TimeoutError'
    ? { code: 'timeout', message: 'the tool took longer than its time-out', retryable: true }
    : { code: 'cancelled', message: 'the run was cancelled', retryable: false };
}

function failure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'tool_failed', message, retryable: false };
}
