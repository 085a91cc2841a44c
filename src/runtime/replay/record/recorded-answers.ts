import type { FinishReason, ModelAnswer } from '../../../contracts/agents/model.ts';
import type { ToolOutcome } from '../../../contracts/agents/tool.ts';
import type { RunError } from '../../../contracts/errors.ts';
import type { ExportedMessage, ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { ResourcePart } from '../../../contracts/runs/message.ts';
import { isSameJson } from '../../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { CONTEXT_GUARD } from '../../model-calls/plan-model-call.ts';
import { asStoredJson } from './as-stored-json.ts';

type Outcome<T> = { ok: true; value: T } | { ok: false; error: RunError };

/** What a model said, when the step is what came of asking one. */
export function modelOutcome(
  step: ExportedStep,
  [message]: readonly ExportedMessage[],
): Outcome<ModelAnswer> | undefined {
  if (step.kind === 'model') {
    const output = isJsonObject(step.output) ? step.output : {};
    return {
      ok: true,
      value: {
        content: message?.content ?? null,
        tool_calls: message?.tool_calls ?? [],
        finish_reason: (output.finish_reason ?? 'stop') as FinishReason,
        usage: { tokens_in: step.tokens_in, tokens_out: step.tokens_out },
      },
    };
  }
  const isAttempt = step.kind === 'retry' && step.call_id === null;
  const isSummary = step.kind === 'guard' && step.name === CONTEXT_GUARD;
  return (isAttempt || isSummary) && step.error ? { ok: false, error: step.error } : undefined;
}

/** What a tool gave, when the step is what came of calling one. */
export function toolOutcome(
  step: ExportedStep,
  [message]: readonly ExportedMessage[],
): ToolOutcome | undefined {
  const told = parsed(message?.content);
  if (step.kind === 'tool') {
    const besides = {
      ...(message?.trust ? { trust: message.trust } : {}),
      ...(message?.parts ? { parts: message.parts as ResourcePart[] } : {}),
    };
    return step.error
      ? { ok: false, error: errorAsTold(step.error, told), ...besides }
      : {
          ok: true,
          ...textOf(step.output, message),
          value: valueAsTold(step.output, told),
          ...besides,
        };
  }
  const isFailure = step.kind === 'retry' || isUnknownEffect(step);
  return isFailure && step.error ? { ok: false, error: step.error } : undefined;
}

/** Whether nobody saw the end of the call: it gave no answer, or its worker died. */
export function isUnknownEffect(step: ExportedStep): boolean {
  return step.kind === 'question' && step.name === 'effect';
}

/** Some tools tell a model more readably what they gave; what was told as JSON, whole or cut off, comes from the output again. */
function textOf(output: Json, message: ExportedMessage | undefined): { text?: string } {
  const content = message?.content;
  const isReadable = typeof output === 'object' && content != null && !/^[[{]/.test(content);
  return isReadable ? { text: content } : {};
}

/** `jsonb` orders keys; the model was told them as the tool gave them. */
function valueAsTold(output: Json, told: Json | undefined): Json {
  return told !== undefined && isSameJson(asStoredJson(told), output) ? told : output;
}

/** The step keeps less of a long error than the model was told. */
function errorAsTold(error: RunError, told: Json | undefined): RunError {
  const said = isJsonObject(told) && isJsonObject(told.error) ? (told.error as JsonObject) : {};
  const { message, details } = said;
  return {
    ...error,
    ...(typeof message === 'string' &&
    asStoredJson(message).startsWith(error.message.replace(/…$/, ''))
      ? { message }
      : {}),
    ...(isSameJson(asStoredJson(details ?? null), error.cause) && details !== undefined
      ? { cause: details }
      : {}),
  };
}

function parsed(text: string | null | undefined): Json | undefined {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
