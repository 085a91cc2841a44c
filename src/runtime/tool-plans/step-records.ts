import { v7 as uuidV7 } from 'uuid';
import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { NewQuestion, StepRecord } from '../../contracts/runs/step.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { loggedResult, type ResultLimits, resultLimit, resultText } from '../../tools/result.ts';
import type { OpenCall } from './open-calls.ts';

const ERROR_CHARACTERS = 4_000;

/** The beginning of a call. */
export function toolStartedStep(
  tool: ToolDefinition,
  input: JsonObject,
  open: OpenCall,
  idempotency_key: string,
): StepRecord {
  return {
    kind: 'tool_started',
    name: tool.name,
    call_id: open.call.id,
    effect: tool.effect,
    idempotency_key,
    asked_seq: open.asked_seq,
    input,
  };
}

/** A question to people. `about` says what it is, where that is not seen by its kind. */
export function questionStep(
  question: Omit<NewQuestion, 'id'>,
  about: JsonObject = {},
): StepRecord {
  const id = uuidV7();
  return {
    kind: 'question',
    name: question.kind,
    call_id: question.call_id,
    input: {
      question_id: id,
      prompt: question.prompt,
      ...(question.reason ? { reason: question.reason } : {}),
      ...about,
    },
    question: { id, ...question },
  };
}

/** The end of a call, with what the model is told of it: as much as its tool allows, else as settings say. */
export function toolResultStep(
  open: OpenCall,
  name: string,
  input: Json,
  outcome: ToolOutcome,
  started_at: string,
  limits: ResultLimits = {},
): StepRecord {
  const { call, asked_seq } = open;
  const limit = resultLimit(limits);
  return {
    kind: 'tool',
    name,
    call_id: call.id,
    input,
    ...(outcome.ok
      ? { output: loggedResult(outcome.value, limit) }
      : { error: shortened(outcome.error) }),
    started_at,
    messages: [
      {
        role: 'tool',
        content: resultText(outcome, limit),
        tool_call_id: call.id,
        parent_seq: asked_seq,
        ...(outcome.parts ? { parts: outcome.parts } : {}),
      },
    ],
  };
}

/** An error is a sentence; what is longer is a result by another way. */
function shortened(error: RunError): RunError {
  return error.message.length > ERROR_CHARACTERS
    ? { ...error, message: `${error.message.slice(0, ERROR_CHARACTERS)}…` }
    : error;
}
