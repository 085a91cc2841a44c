import { availableParallelism } from 'node:os';
import { ThreadPool } from '../concurrency/thread-pool.ts';
import type { BuiltinContext, BuiltinTool, ToolOutcome } from '../contracts/agents/tool.ts';
import type { Trust } from '../contracts/runs/trust.ts';
import { ExactNumber } from '../json/exact-number.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { inputFiles, madeFile } from './run-code/input-files.ts';
import { createJavascript } from './run-code/javascript/javascript.ts';
import type { CodeJob, CodeLimits, CodeReport } from './run-code/job.ts';
import { limitsIn } from './run-code/limits.ts';
import { codeOutcome } from './run-code/outcome.ts';
import { createPython, type PythonOptions } from './run-code/python/python.ts';

/** Runs code of one language. Rejects with the signal's reason when that fires. */
export type RunCode = (job: CodeJob, signal: AbortSignal, tenant: string) => Promise<CodeReport>;

/**
 * The built-in tool `run_code`: JavaScript in threads of this process, and Python under bubblewrap
 * if the host has it. Nothing is started before the first call. Never throws.
 */
export function runCodeTool(options: PythonOptions = {}): BuiltinTool {
  const languages = codeLanguages(options);
  return {
    name: 'run_code',
    run: (args, context, configuration) => run(languages, args, context, configuration),
  };
}

/**
 * Creates the supported languages. Each runs as many jobs at once as the machine has processors.
 */
export function codeLanguages(options: PythonOptions = {}): Record<string, RunCode> {
  const size = availableParallelism();
  return {
    javascript: createJavascript(new ThreadPool({ size })),
    python: createPython(size, options),
  };
}

async function run(
  languages: Record<string, RunCode>,
  args: JsonObject,
  context: BuiltinContext,
  configuration: JsonObject,
): Promise<ToolOutcome> {
  const limits = limitsIn(configuration);
  if (!limits.ok) return limits;
  const language = Object.hasOwn(languages, String(args.language))
    ? languages[String(args.language)]
    : undefined;
  if (!language) {
    const message = `language: ${JSON.stringify(args.language)} is none of ${Object.keys(languages).join(', ')}`;
    return { ok: false, error: { code: 'invalid_arguments', message, retryable: false } };
  }
  try {
    const inputs = await inputFiles(args.resources, context.files);
    if (!inputs.ok) return inputs;
    const { files, trust } = inputs.value;
    const code = String(args.code ?? '');
    const job: CodeJob = {
      ...limits.value,
      code,
      data: dataFor(String(args.language), args.data ?? null),
      files,
    };
    const report = await language(job, context.signal, context.tenant_id);
    const outcome = await withFiles(codeOutcome(report, limits.value), report, trust, context);
    return trust ? { ...outcome, trust } : outcome;
  } catch (error) {
    return context.signal.aborted
      ? interruptedOutcome(context.signal.reason, limits.value)
      : sandboxError(error);
  }
}

/**
 * Returns the data for a program. A number that its language would round is passed as a text of its
 * digits: Python has long integers, JavaScript has neither.
 */
function dataFor(language: string, data: Json): Json {
  if (data instanceof ExactNumber) {
    return language === 'python' && data.toBigInt() !== undefined ? data : data.text;
  }
  if (Array.isArray(data)) return data.map((one) => dataFor(language, one));
  if (!isJsonObject(data)) return data;
  return Object.fromEntries(
    Object.entries(data).map(([name, one]) => [name, dataFor(language, one)]),
  );
}

/**
 * Stores the files of a successful program and adds them to the outcome. A failed program leaves no
 * files.
 */
async function withFiles(
  outcome: ToolOutcome,
  report: CodeReport,
  trust: Trust | undefined,
  { files, idempotency_key, signal }: BuiltinContext,
): Promise<ToolOutcome> {
  if (!outcome.ok || !('files' in report) || report.files.length === 0) return outcome;
  signal.throwIfAborted();
  const isExternal = trust === 'external';
  const origin = {
    tool: 'run_code',
    call: idempotency_key,
    ...(isExternal ? { trust: 'external' } : {}),
  };
  const stored = await files.keep(report.files.map(madeFile), origin);
  if (!stored.ok) {
    const message = `the program ended, but its files were not kept: ${stored.error.message}`;
    return { ok: false, error: { ...stored.error, message } };
  }
  return { ok: true, value: { ...(outcome.value as JsonObject), files: stored.value } };
}

/**
 * Converts the reason of an abort: the end of the run, or the time-out of the tool, which includes
 * the time in the queue.
 */
function interruptedOutcome(reason: unknown, { timeout_ms }: CodeLimits): ToolOutcome {
  const isTime = reason instanceof DOMException && reason.name === 'TimeoutError';
  const message = isTime
    ? `the tool's time was over: the code may take ${timeout_ms} ms, and waited for its turn before`
    : 'the run ended before the code did';
  return {
    ok: false,
    error: { code: isTime ? 'timeout' : 'cancelled', message, retryable: isTime },
  };
}

function sandboxError(error: unknown): ToolOutcome {
  const message = `the sandbox could not be started: ${(error as Error).message}`;
  return { ok: false, error: { code: 'tool_failed', message, retryable: true } };
}
