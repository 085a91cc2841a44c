import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import {
  type ConversationState,
  type OpenQuestion,
  questionText,
} from '../conversation-protocols/run-state.ts';
import type { RunItem } from '../events/follow-run.ts';
import { wireId } from '../openai/ids.ts';

export type AgUiEvent = JsonObject & { type: string };

/** Kinds of steps without events. Other steps report what these steps start or end. */
const SILENT = new Set(['tool_started', 'output']);
/** Kinds of steps that contain the result of a call. */
const RESULTS = new Set(['tool', 'child']);
/** Reasons of AG-UI for a stop of the run, by the kind of the question. */
const REASONS = { question: 'input_required', approval: 'tool_call', effect: 'confirmation' };

export type EventsOptions = {
  threadId: string;
  runId: string;
  executionId: string;
  /** Tools that the interface calls itself. */
  own: ReadonlySet<string>;
};

/**
 * Creates functions that turn items of a run into events of AG-UI. A step of the log is a step of
 * AG-UI. It encloses the text of a model and the calls that the model asks for, or the result of a
 * call. Calls that the interface makes itself come at the end, under the ids by which their results
 * come back.
 */
export function createEvents({ threadId, runId, executionId, own }: EventsOptions) {
  const run = { threadId, runId };
  let open: { step: string; message?: string } | undefined;
  let said = '';

  function* begin(step: string): Generator<AgUiEvent> {
    if (open?.step === step) return;
    yield* finish();
    open = { step };
    yield { type: 'STEP_STARTED', stepName: step };
  }
  function* finish(): Generator<AgUiEvent> {
    if (!open) return;
    if (open.message !== undefined) yield { type: 'TEXT_MESSAGE_END', messageId: open.message };
    yield { type: 'STEP_FINISHED', stepName: open.step };
    open = undefined;
  }
  function* speak(seq: number, delta: string): Generator<AgUiEvent> {
    yield* begin(`model ${seq}`);
    if (open && open.message === undefined) {
      open.message = `${executionId}.${seq}`;
      said = '';
      yield { type: 'TEXT_MESSAGE_START', messageId: open.message, role: 'assistant' };
    }
    said += delta;
    yield { type: 'TEXT_MESSAGE_CONTENT', messageId: `${executionId}.${seq}`, delta };
  }
  function* call(id: string, name: string, args: string, parent?: string): Generator<AgUiEvent> {
    const about = parent === undefined ? {} : { parentMessageId: parent };
    yield { type: 'TOOL_CALL_START', toolCallId: id, toolCallName: name, ...about };
    yield { type: 'TOOL_CALL_ARGS', toolCallId: id, delta: args };
    yield { type: 'TOOL_CALL_END', toolCallId: id };
  }
  function* step({
    row,
    story: details,
  }: Extract<RunItem, { type: 'step' }>): Generator<AgUiEvent> {
    const { kind, name, call_id, output, error } = row.step;
    if (SILENT.has(String(kind))) return;
    const message = open?.message;
    yield* begin(`${kind} ${row.seq}`);
    if (kind === 'model') {
      if (open?.message !== undefined) {
        yield { type: 'TEXT_MESSAGE_END', messageId: open.message };
        open = { step: open.step };
      }
      for (const { id, name: called, arguments: args } of callsIn(details.messages)) {
        if (!own.has(called)) yield* call(id, called, args, message);
      }
    } else if (RESULTS.has(String(kind)) && typeof call_id === 'string' && !own.has(String(name))) {
      const result = error === null || error === undefined ? output : { error };
      const content = typeof result === 'string' ? result : JSON.stringify(result ?? null);
      const messageId = `${executionId}.${row.seq}`;
      yield { type: 'TOOL_CALL_RESULT', messageId, toolCallId: call_id, content, role: 'tool' };
    }
    yield* finish();
  }
  function* stop(last: ConversationState): Generator<AgUiEvent> {
    yield* finish();
    if (last.status === 'completed' && (last.output ?? '') !== said && last.output) {
      const messageId = `${executionId}.output`;
      yield { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' };
      yield { type: 'TEXT_MESSAGE_CONTENT', messageId, delta: last.output };
      yield { type: 'TEXT_MESSAGE_END', messageId };
    }
    if (last.status === 'failed') {
      const { error, stop_reason } = last;
      const message = error?.message ?? `the run ended: ${stop_reason}`;
      yield {
        type: 'RUN_ERROR',
        message,
        code: String(error?.code ?? stop_reason),
        usage: usageOf(last),
      };
      return;
    }
    const mine = last.questions.filter(({ is_client_call }) => is_client_call);
    for (const { id, tool_call } of mine) {
      yield* call(
        wireId('call', id),
        tool_call?.name ?? '',
        JSON.stringify(tool_call?.arguments ?? {}),
      );
    }
    const usage = usageOf(last);
    const result = last.output_data ?? last.output;
    yield {
      type: 'RUN_FINISHED',
      ...run,
      ...(result !== null && { result }),
      outcome: outcomeOf(last),
      usage,
    };
  }
  return {
    started: (): AgUiEvent => ({
      type: 'RUN_STARTED',
      ...run,
      protocolVersion: '1.0',
      metadata: { execution_id: executionId },
    }),
    *tell(item: RunItem): Generator<AgUiEvent> {
      if (item.type === 'text') yield* speak(item.seq, item.text);
      else if (item.type === 'step') yield* step(item);
      else yield* stop(item.run);
    },
    /** Ends the open message and step, so that other events can come in between. */
    rest: finish,
    /** Reports why the stream ends before the run. */
    *broken(message: string, code: string): Generator<AgUiEvent> {
      yield* finish();
      yield { type: 'RUN_ERROR', message, code };
    },
  };
}

function callsIn(messages: readonly { role: string; tool_calls: Json }[]) {
  const [said] = messages.filter(({ role }) => role === 'assistant');
  const calls = Array.isArray(said?.tool_calls) ? said.tool_calls : [];
  return calls.filter(isJsonObject).map(({ id, name, arguments: args }) => ({
    id: String(id),
    name: String(name),
    arguments: typeof args === 'string' ? args : JSON.stringify(args ?? {}),
  }));
}

function outcomeOf({ status, questions }: ConversationState): JsonObject {
  if (status === 'cancelled') return { type: 'cancelled' };
  const openQuestions = questions.filter(({ is_client_call }) => !is_client_call);
  if (openQuestions.length > 0)
    return { type: 'interrupt', interrupts: openQuestions.map(interrupt) };
  const pending = questions.map(({ id }) => wireId('call', id));
  return { type: 'success', ...(pending.length > 0 && { pendingToolCallIds: pending }) };
}

function interrupt(question: OpenQuestion): JsonObject {
  const { id, kind, schema, call_id, expires_at, options, tool_call } = question;
  return {
    id,
    reason: REASONS[kind],
    message: questionText(question),
    ...(call_id !== null && { toolCallId: call_id }),
    ...(schema !== null && { responseSchema: schema }),
    ...(expires_at !== null && { expiresAt: expires_at }),
    metadata: { kind, options, tool_call },
  };
}

function usageOf({ tokens_in, tokens_out }: ConversationState): JsonObject[] {
  const [inputTokens, outputTokens] = [Number(tokens_in), Number(tokens_out)];
  return [{ inputTokens, outputTokens, totalTokens: inputTokens + outputTokens }];
}
