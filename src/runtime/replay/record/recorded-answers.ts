import type {
  AnsweredStep,
  FinishReason,
  LeftOutTool,
  ModelAnswer,
} from '../../../contracts/agents/model.ts';
import type { ToolOutcome } from '../../../contracts/agents/tool.ts';
import type { RunError } from '../../../contracts/errors.ts';
import type { ExportedMessage, ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { ResourcePart } from '../../../contracts/runs/message.ts';
import { isSameJson } from '../../../json/canonical-json.ts';
import { hasMembers, isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { CONTEXT_GUARD } from '../../model-calls/plan-model-call.ts';
import { asStoredJson } from './as-stored-json.ts';

type Outcome<T> = { ok: true; value: T } | { ok: false; error: RunError };

/** Returns the outcome of a model call, when the step records one. */
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
        ...(Array.isArray(output.cut_calls) ? { cut_calls: output.cut_calls as string[] } : {}),
        usage: {
          ...(isJsonObject(output.usage) ? output.usage : {}),
          tokens_in: step.tokens_in,
          tokens_out: step.tokens_out,
        },
        ...(message?.parts ? { parts: message.parts as NonNullable<ModelAnswer['parts']> } : {}),
        ...(Array.isArray(output.warnings) ? { warnings: output.warnings as string[] } : {}),
        ...(Array.isArray(output.left_out_tools)
          ? { left_out_tools: output.left_out_tools as LeftOutTool[] }
          : {}),
        ...(isJsonObject(output.cached_from)
          ? { cached_from: output.cached_from as AnsweredStep }
          : {}),
      },
    };
  }
  const isAttempt = step.kind === 'retry' && step.call_id === null;
  const isSummary = step.kind === 'guard' && step.name === CONTEXT_GUARD;
  if (!((isAttempt || isSummary) && step.error)) return undefined;
  const { tokens_in, tokens_out } = step;
  const usage = tokens_in + tokens_out > 0 ? { usage: { tokens_in, tokens_out } } : {};
  return { ok: false, error: step.error, ...usage };
}

/** Returns the outcome of a tool call, when the step records one. */
export function toolOutcome(
  step: ExportedStep,
  [message]: readonly ExportedMessage[],
): ToolOutcome | undefined {
  const sent = jsonOf(message?.content);
  if (step.kind === 'tool') {
    const besides = {
      ...(message?.trust ? { trust: message.trust } : {}),
      ...(message?.parts ? { parts: message.parts as ResourcePart[] } : {}),
    };
    return step.error
      ? { ok: false, error: errorAsSent(step.error, sent), ...besides }
      : {
          ok: true,
          ...textOf(step.output, message),
          value: valueAsSent(step.output, sent),
          ...besides,
        };
  }
  const isFailure = step.kind === 'retry' || isUnknownEffect(step);
  return isFailure && step.error ? { ok: false, error: step.error } : undefined;
}

/**
 * Returns true when nobody saw the end of the call: the call gave no answer, or its worker died.
 */
export function isUnknownEffect(step: ExportedStep): boolean {
  return step.kind === 'question' && step.name === 'effect';
}

/**
 * Returns the more readable text that some tools send to a model in place of their output. Text
 * that is JSON, complete or truncated, is made from the output again.
 */
function textOf(output: Json, message: ExportedMessage | undefined): { text?: string } {
  const content = message?.content;
  const isReadable =
    (output === null || hasMembers(output)) && content != null && !/^[[{]/.test(content);
  return isReadable ? { text: content } : {};
}

/**
 * Returns an output with its keys in the order in which the tool gave them to the model, because
 * `jsonb` reorders keys.
 */
function valueAsSent(output: Json, sent: Json | undefined): Json {
  return sent !== undefined && isSameJson(asStoredJson(sent), output) ? sent : output;
}

/** Restores a long error as the model read it, because the step keeps less of a long error. */
function errorAsSent(error: RunError, sent: Json | undefined): RunError {
  const errorFields =
    isJsonObject(sent) && isJsonObject(sent.error) ? (sent.error as JsonObject) : {};
  const { message, details } = errorFields;
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

function jsonOf(text: string | null | undefined): Json | undefined {
  try {
    return parseJson(text ?? '');
  } catch {
    return undefined;
  }
}
