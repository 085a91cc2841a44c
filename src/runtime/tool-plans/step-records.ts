import { v7 as uuidV7 } from 'uuid';
import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { NewQuestion, StepRecord } from '../../contracts/runs/step.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { truncate } from '../../text/truncate.ts';
import {
  loggedResult,
  type ResultLimits,
  resultLimit,
  resultText,
} from '../../tools/result-limit.ts';
import type { OpenCall } from './open-calls.ts';

const ERROR_CHARACTERS = 4_000;

/** Creates the step that records the start of a call. */
export function toolStartedStep(
  tool: ToolDefinition,
  input: JsonObject,
  open: OpenCall,
  run_id: string,
): StepRecord {
  return {
    kind: 'tool_started',
    name: tool.name,
    call_id: open.call.id,
    effect: tool.effect,
    idempotency_key: `${run_id}:${open.requestSeq}:${open.call.id}`,
    request_seq: open.requestSeq,
    input,
  };
}

/**
 * Creates the step of a question to people. `about` describes the question where its kind does not.
 */
export function questionStep(
  question: Omit<NewQuestion, 'id'>,
  about: JsonObject = {},
): StepRecord {
  const id = uuidV7();
  return {
    kind: 'question',
    name: question.kind,
    ...(question.call_id === undefined ? {} : { call_id: question.call_id }),
    input: {
      question_id: id,
      prompt: question.prompt,
      ...(question.reason ? { reason: question.reason } : {}),
      ...about,
    },
    question: { id, ...question },
  };
}

/**
 * Creates the step of the end of a call, with the result as the model reads it. The length of the
 * result is limited by the tool, or else by the settings.
 */
export function toolResultStep(
  open: OpenCall,
  name: string,
  input: Json,
  outcome: ToolOutcome,
  started_at: string,
  limits: ResultLimits = {},
): StepRecord {
  const { call, requestSeq } = open;
  const limit = resultLimit(limits);
  return {
    kind: 'tool',
    name,
    call_id: call.id,
    input,
    ...(outcome.ok
      ? { output: loggedResult(outcome.value, limit) }
      : { error: truncateError(outcome.error) }),
    started_at,
    messages: [
      {
        role: 'tool',
        content: resultText(outcome, limit),
        tool_call_id: call.id,
        parent_seq: requestSeq,
        ...(outcome.parts ? { parts: outcome.parts } : {}),
      },
    ],
  };
}

/**
 * Truncates the message of an error. An error is a sentence; a longer text is a result that was
 * returned as an error.
 */
function truncateError(error: RunError): RunError {
  return { ...error, message: truncate(error.message, ERROR_CHARACTERS) };
}
