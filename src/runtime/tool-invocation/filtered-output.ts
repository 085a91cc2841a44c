import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { RunFiles } from '../../contracts/runs/run-files.ts';
import type { NewQuestion, StepRecord } from '../../contracts/runs/step.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import { blockedCall } from '../owned-run/output-filter.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { questionStep, toolResultStep } from '../tool-plans/step-records.ts';

export const NO_FILTER_HITS = { isBlocked: false, value: null, guards: [] } as const;

/**
 * Asks people a question as the output filters leave it. A call of a client tool is a question to
 * the client of the run, which makes the call itself. Rejects the call when a filter blocks the
 * question.
 */
export async function askUser(
  tool: ToolDefinition,
  question: Omit<NewQuestion, 'id'>,
  open: OpenCall,
  run: HeldRun,
  started_at: string,
): Promise<void> {
  const { prompt, options = null, tool_call } = question;
  const outlet = tool.kind === 'client' ? tool : 'question';
  const args = isJsonObject(tool_call ?? null) ? (tool_call as JsonObject).arguments : null;
  const look =
    question.kind === 'question'
      ? await run.applyOutputFilters(
          outlet,
          { prompt, options, arguments: args ?? null } as JsonObject,
          open.call.id,
        )
      : NO_FILTER_HITS;
  if (look.isBlocked) {
    return rejectCall(tool.name, { question: '[withheld]' }, look, open, run, started_at);
  }
  const filteredFields = look.value
    ? {
        prompt: String(look.value.prompt),
        ...(options ? { options: look.value.options as string[] } : {}),
        ...(tool_call
          ? { tool_call: { ...(tool_call as JsonObject), arguments: look.value.arguments } }
          : {}),
      }
    : {};
  await run.commit([
    questionStep({ ...question, ...filteredFields } as typeof question),
    ...look.guards,
  ]);
}

/** Commits the steps that tell the model that the output filters blocked its call. */
export async function rejectCall(
  name: string,
  args: Json,
  look: Blocked,
  open: OpenCall,
  run: HeldRun,
  started_at: string,
): Promise<void> {
  await run.commit(callRejection(name, args, look, open, started_at));
}

type Blocked = { filter: string; guards: StepRecord[] };

/** Returns the steps that tell the model that the output filters blocked its call. */
export function callRejection(
  name: string,
  args: Json,
  { filter, guards }: Blocked,
  open: OpenCall,
  started_at = new Date().toISOString(),
): StepRecord[] {
  const error = blockedCall(`${name} was not called`, filter);
  const step = toolResultStep(open, name, args, { ok: false, error }, started_at);
  return [{ ...step, trust: 'system' }, ...guards];
}

/**
 * Wraps the files of a run, so that the output filters check each file before it is stored. The
 * content of a file is checked only when it is text.
 */
export function filteredFiles(files: RunFiles, call_id: string, run: HeldRun): RunFiles {
  return {
    ...files,
    async keep(made, origin) {
      const filtered: (typeof made)[number][] = [];
      for (const file of made) {
        const content = textOf(file.bytes);
        const look = await run.applyOutputFilters('file', { name: file.name, content }, call_id);
        if (look.guards.length > 0) await run.commit(look.guards);
        if (look.isBlocked) {
          return { ok: false, error: blockedCall(`${file.name} was not kept`, look.filter) };
        }
        const { name, content: text } = look.value;
        filtered.push({ ...file, name, bytes: text === null ? file.bytes : Buffer.from(text) });
      }
      return files.keep(filtered, origin);
    },
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes bytes as UTF-8, or returns null when they are not text. */
function textOf(bytes: Buffer): string | null {
  try {
    const text = utf8.decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
