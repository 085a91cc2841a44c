import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import {
  askedText,
  type ConversationState,
  type OpenQuestion,
} from '../conversation-protocols/run-state.ts';
import type { RunItem } from '../events/follow-run.ts';
import { wireId } from '../openai/ids.ts';

export type AgUiEvent = JsonObject & { type: string };

/** Steps of the log of which nothing is told: what they begin or end is told by others. */
const SILENT = new Set(['tool_started', 'output']);
/** Steps in which a call has its result. */
const RESULTS = new Set(['tool', 'child']);
/** Why a run stops, in the words of AG-UI. */
const REASONS = { question: 'input_required', approval: 'tool_call', effect: 'confirmation' };

export type EventsOptions = {
  threadId: string;
  runId: string;
  executionId: string;
  /** Tools that the interface calls itself. */
  own: ReadonlySet<string>;
};

/**
 * What is told of a run as events of AG-UI. A step of the log is a step there: around what a model says and the calls it asks
 * for, and around the result of each call. Calls that the interface makes itself are told at the end, under the ids by which
 * their results come back.
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
  function* step({ row, story }: Extract<RunItem, { type: 'step' }>): Generator<AgUiEvent> {
    const { kind, name, call_id, output, error } = row.step;
    if (SILENT.has(String(kind))) return;
    const message = open?.message;
    yield* begin(`${kind} ${row.seq}`);
    if (kind === 'model') {
      if (open?.message !== undefined) {
        yield { type: 'TEXT_MESSAGE_END', messageId: open.message };
        open = { step: open.step };
      }
      for (const { id, name: called, arguments: args } of callsIn(story.messages)) {
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
    *tell(told: RunItem): Generator<AgUiEvent> {
      if (told.type === 'text') yield* speak(told.seq, told.text);
      else if (told.type === 'step') yield* step(told);
      else yield* stop(told.run);
    },
    /** Ends what is open, so that something may be told between. */
    rest: finish,
    /** Why it is not told to its end. */
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
  const asked = questions.filter(({ is_client_call }) => !is_client_call);
  if (asked.length > 0) return { type: 'interrupt', interrupts: asked.map(interrupt) };
  const pending = questions.map(({ id }) => wireId('call', id));
  return { type: 'success', ...(pending.length > 0 && { pendingToolCallIds: pending }) };
}

function interrupt(question: OpenQuestion): JsonObject {
  const { id, kind, schema, call_id, expires_at, options, tool_call } = question;
  return {
    id,
    reason: REASONS[kind],
    message: askedText(question),
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
