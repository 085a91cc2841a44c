import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import type { JsonObject } from '../../json/json.ts';
import { questionText } from '../conversation-protocols/conversation-runs.ts';
import type {
  ConversationState,
  RunQuestion,
} from '../conversation-protocols/conversation-state.ts';
import { callsIn, outcomeIn } from '../conversation-protocols/step-content.ts';
import type { RunItem } from '../events/follow-run.ts';
import { wireId } from '../openai/ids.ts';

export type AgUiEvent = JsonObject & { type: string };

/** Kinds of steps without events. Other steps report what these steps start or end. */
const SILENT = new Set(['tool_started', 'output']);
/** Reasons of AG-UI for a stop of the run, by the kind of the question. */
const REASONS = { question: 'input_required', approval: 'tool_call', effect: 'confirmation' };

export type EventsOptions = {
  threadId: string;
  runId: string;
  executionId: string;
  /** Tools that the interface calls itself. */
  clientTools: ReadonlySet<string>;
};

/**
 * The events of AG-UI for one run, from its items. A step of the log is a step of AG-UI. It
 * encloses the text of a model and the calls that the model asks for, or the result of a call.
 * Calls that the interface makes itself come at the end, under the ids by which their results come
 * back.
 */
export class AgUiEvents {
  readonly #options: EventsOptions;
  /** The open step, and its open message. */
  #open: { step: string; message?: string } | undefined;
  /** The text of the last message. */
  #text = '';

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  startEvent(): AgUiEvent {
    const { executionId } = this.#options;
    const metadata = { execution_id: executionId };
    return { type: 'RUN_STARTED', ...this.#run, protocolVersion: '1.0', metadata };
  }

  *eventsOf(item: RunItem): Generator<AgUiEvent> {
    if (item.type === 'text') yield* this.#eventsOfText(item.seq, item.text);
    else if (item.type === 'step') yield* this.#eventsOfStep(item);
    else if (item.type === 'event') yield customEvent(item.event);
    else yield* this.#eventsOfEnd(item.run);
  }

  /** Ends the open message and step, so that other events can come in between. */
  *finishStep(): Generator<AgUiEvent> {
    if (!this.#open) return;
    yield* this.#finishMessage();
    yield { type: 'STEP_FINISHED', stepName: this.#open.step };
    this.#open = undefined;
  }

  /** Reports why the stream ends before the run. */
  *fail(message: string, code: string): Generator<AgUiEvent> {
    yield* this.finishStep();
    yield { type: 'RUN_ERROR', message, code };
  }

  get #run() {
    const { threadId, runId } = this.#options;
    return { threadId, runId };
  }

  *#beginStep(step: string): Generator<AgUiEvent> {
    if (this.#open?.step === step) return;
    yield* this.finishStep();
    this.#open = { step };
    yield { type: 'STEP_STARTED', stepName: step };
  }

  *#finishMessage(): Generator<AgUiEvent> {
    if (this.#open?.message === undefined) return;
    yield { type: 'TEXT_MESSAGE_END', messageId: this.#open.message };
    this.#open = { step: this.#open.step };
  }

  *#eventsOfText(seq: number, delta: string): Generator<AgUiEvent> {
    const messageId = this.#messageId(seq);
    yield* this.#beginStep(`model ${seq}`);
    if (this.#open && this.#open.message === undefined) {
      this.#open.message = messageId;
      this.#text = '';
      yield { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' };
    }
    this.#text += delta;
    yield { type: 'TEXT_MESSAGE_CONTENT', messageId, delta };
  }

  *#eventsOfStep({ row, details }: Extract<RunItem, { type: 'step' }>): Generator<AgUiEvent> {
    const kind = String(row.step.kind);
    if (SILENT.has(kind)) return;
    const message = this.#open?.message;
    yield* this.#beginStep(`${kind} ${row.seq}`);
    if (kind === 'model') {
      yield* this.#finishMessage();
      for (const { id, name, arguments: args } of callsIn(details)) {
        if (!this.#options.clientTools.has(name)) yield* callEvents(id, name, args, message);
      }
    } else yield* this.#eventsOfResult(row);
    yield* this.finishStep();
  }

  *#eventsOfResult(row: FeedRow): Generator<AgUiEvent> {
    const outcome = outcomeIn(row);
    if (!outcome || this.#options.clientTools.has(outcome.name)) return;
    const { callId: toolCallId, output, error } = outcome;
    const result = error === undefined ? output : { error };
    const content = typeof result === 'string' ? result : JSON.stringify(result);
    const messageId = this.#messageId(row.seq);
    yield { type: 'TOOL_CALL_RESULT', messageId, toolCallId, content, role: 'tool' };
  }

  *#eventsOfEnd(run: ConversationState): Generator<AgUiEvent> {
    yield* this.finishStep();
    const { status, output } = run;
    if (status === 'completed' && output && output !== this.#text) {
      const messageId = `${this.#options.executionId}.output`;
      yield { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' };
      yield { type: 'TEXT_MESSAGE_CONTENT', messageId, delta: output };
      yield { type: 'TEXT_MESSAGE_END', messageId };
    }
    if (status === 'failed') return yield runError(run);
    for (const { id, tool_call } of run.questions.filter(({ is_client_call }) => is_client_call)) {
      const args = JSON.stringify(tool_call?.arguments ?? {});
      yield* callEvents(wireId('call', id), tool_call?.name ?? '', args);
    }
    const result = run.output_data ?? run.output;
    const finished = { ...(result !== null && { result }), outcome: outcomeOf(run) };
    const { finish_reason: finishReason } = run;
    yield { type: 'RUN_FINISHED', ...this.#run, ...finished, finishReason, usage: usageOf(run) };
  }

  #messageId(seq: number): string {
    return `${this.#options.executionId}.${seq}`;
  }
}

/** Passes on an event of a run below, or the progress of a tool. */
function customEvent({ event, id, data }: StreamEvent): AgUiEvent {
  const value = { event, ...(id !== undefined && { id }), data: { ...data } };
  return { type: 'CUSTOM', name: 'howdah.event', value };
}

function* callEvents(
  id: string,
  name: string,
  args: string,
  parent?: string,
): Generator<AgUiEvent> {
  const within = parent === undefined ? {} : { parentMessageId: parent };
  yield { type: 'TOOL_CALL_START', toolCallId: id, toolCallName: name, ...within };
  yield { type: 'TOOL_CALL_ARGS', toolCallId: id, delta: args };
  yield { type: 'TOOL_CALL_END', toolCallId: id };
}

function runError(run: ConversationState): AgUiEvent {
  const { error, stop_reason } = run;
  const message = error?.message ?? `the run ended: ${stop_reason}`;
  const code = String(error?.code ?? stop_reason);
  return { type: 'RUN_ERROR', message, code, usage: usageOf(run) };
}

function outcomeOf({ status, questions }: ConversationState): JsonObject {
  if (status === 'cancelled') return { type: 'cancelled' };
  const openQuestions = questions.filter(({ is_client_call }) => !is_client_call);
  if (openQuestions.length > 0)
    return { type: 'interrupt', interrupts: openQuestions.map(interrupt) };
  const pending = questions.map(({ id }) => wireId('call', id));
  return { type: 'success', ...(pending.length > 0 && { pendingToolCallIds: pending }) };
}

function interrupt(question: RunQuestion): JsonObject {
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
