import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJsonOrText } from '../../json/parse-json.ts';
import { incompleteReason, questionText } from '../conversation-protocols/conversation-runs.ts';
import type {
  ConversationState,
  RunQuestion,
} from '../conversation-protocols/conversation-state.ts';
import {
  callsIn,
  type LoggedCall,
  modelMessageOf,
  outcomeIn,
} from '../conversation-protocols/step-content.ts';
import type { RunItem } from '../events/follow-run.ts';
import { wireId } from '../openai/ids.ts';
import type { ChatRun } from './chat-runs.ts';

/** A chunk of the UI message stream of the AI SDK. Clients reject types that they do not know. */
export type UiChunk = JsonObject & { type: string };

/** The tool by which an agent asks its user. Its question is shown as text, not as a call. */
const ASK_USER = 'ask_user';

type StepItem = Extract<RunItem, { type: 'step' }>;

/**
 * The chunks of one message of a chat, from the items of its run. An answer of the model begins a
 * step of the message. The step contains the reasoning, the text and the calls of the answer, and
 * the results of the calls.
 */
export class UiMessageChunks {
  readonly #run: ChatRun;
  /** The calls that the message shows. Clients reject the result of any other call. */
  readonly #calls: Set<string>;
  /** The calls whose approval a person denied, or may still deny. */
  readonly #approvalCalls = new Set<string>();
  #isInStep = false;
  /** The step of the log whose text is open. */
  #textOf: number | undefined;
  /** The text of the last answer. */
  #text = '';

  constructor(run: ChatRun) {
    this.#run = run;
    this.#calls = new Set(run.callIds);
    for (const id of run.callIds) this.#approvalCalls.add(id);
  }

  *startChunks({ id, session_id, name }: ConversationState): Generator<UiChunk> {
    const howdah = { execution_id: id, session_id, agent: name };
    yield { type: 'start', messageId: this.#run.messageId, messageMetadata: { howdah } };
    for (const { id: approvalId, approved } of this.#run.answered) {
      const toolCallId = wireId('approval', approvalId);
      if (!this.#calls.has(toolCallId)) continue;
      if (!approved) yield { type: 'tool-output-denied', toolCallId };
      else yield { type: 'tool-output-available', toolCallId, output: 'approved', dynamic: true };
    }
  }

  *chunksOf(item: RunItem): Generator<UiChunk> {
    if (item.type === 'text') yield* this.#textChunks(item.seq, item.text);
    else if (item.type === 'step') yield* this.#stepChunks(item);
    else if (item.type === 'event') yield eventChunk(item.event);
    else yield* this.#lastChunks(item.run);
  }

  /** Ends the message, because the run failed or can no longer be followed. */
  *fail(errorText: string): Generator<UiChunk> {
    yield* this.#finishStep();
    yield { type: 'error', errorText };
  }

  *#beginStep(): Generator<UiChunk> {
    yield* this.#finishStep();
    this.#isInStep = true;
    yield { type: 'start-step' };
  }

  *#finishStep(): Generator<UiChunk> {
    yield* this.#finishText();
    if (this.#isInStep) yield { type: 'finish-step' };
    this.#isInStep = false;
  }

  *#finishText(): Generator<UiChunk> {
    if (this.#textOf === undefined) return;
    yield { type: 'text-end', id: `text-${this.#textOf}` };
    this.#textOf = undefined;
  }

  *#textChunks(seq: number, delta: string): Generator<UiChunk> {
    const id = `text-${seq}`;
    if (this.#textOf !== seq) {
      yield* this.#beginStep();
      this.#textOf = seq;
      this.#text = '';
      yield { type: 'text-start', id };
    }
    this.#text += delta;
    yield { type: 'text-delta', id, delta };
  }

  *#stepChunks(item: StepItem): Generator<UiChunk> {
    const { row, details } = item;
    const outcome = outcomeIn(row);
    if (row.step.kind === 'model') yield* this.#answerChunks(item);
    else if (outcome) yield* this.#outcomeChunks(outcome);
    else if (row.step.kind === 'question' && details.question?.kind === 'approval') {
      this.#approvalCalls.add(String(row.step.call_id));
    } else if (row.step.kind === 'handoff') {
      const data = (row.step.output ?? row.step.input ?? null) as Json;
      yield { type: 'data-howdah-handoff', data };
    }
  }

  /**
   * Yields the chunks of a complete answer. Its text was usually sent before, in pieces. The text
   * is sent again if reasoning must precede it, or if a failed attempt has sent another text.
   */
  *#answerChunks({ row, details }: StepItem): Generator<UiChunk> {
    const { content, parts } = modelMessageOf(details) ?? {};
    const messageParts = (Array.isArray(parts) ? parts : []).filter(isJsonObject);
    const reasoning = messageParts.filter(({ type }) => type === 'reasoning');
    const wasSent = this.#textOf === row.seq;
    const isSentAgain = wasSent && (reasoning.length > 0 || this.#text !== content);
    if (!wasSent) yield* this.#beginStep();
    yield* this.#finishText();
    if (isSentAgain) yield { type: 'reset-step' };
    for (const [nth, part] of reasoning.entries()) {
      yield* partChunks('reasoning', `reasoning-${row.seq}-${nth}`, String(part.text ?? ''));
    }
    if (isSentAgain) yield* partChunks('text', `text-${row.seq}`, content ?? '');
    if (wasSent) this.#text = content ?? '';
    for (const [nth, part] of messageParts.entries())
      yield* sourceChunks(part, `${row.seq}-${nth}`);
    for (const { id, name, arguments: args } of callsIn(details)) {
      if (name !== ASK_USER) yield* this.#callChunks(id, name, parseJsonOrText(args));
    }
  }

  *#callChunks(toolCallId: string, toolName: string, input: Json): Generator<UiChunk> {
    this.#calls.add(toolCallId);
    yield { type: 'tool-input-available', toolCallId, toolName, input, dynamic: true };
  }

  *#outcomeChunks({ callId, name, input, output, error }: LoggedCall): Generator<UiChunk> {
    if (name === ASK_USER) return;
    // a call of an earlier message of the same run
    if (!this.#calls.has(callId)) yield* this.#callChunks(callId, name, input);
    const shared = { toolCallId: callId, dynamic: true };
    if (error === undefined) yield { type: 'tool-output-available', ...shared, output };
    else if (error.code === 'rejected' && this.#approvalCalls.has(callId)) {
      yield { type: 'tool-output-denied', toolCallId: callId };
    } else yield { type: 'tool-output-error', ...shared, errorText: messageOf(error) };
  }

  *#lastChunks(run: ConversationState): Generator<UiChunk> {
    const { status, output, error, stop_reason } = run;
    if (status === 'completed' && output && output !== this.#text) {
      yield* this.#textChunks(run.step_count, output);
    }
    for (const question of run.questions) yield* this.#questionChunks(question);
    for (const { id, name, type } of run.files) {
      yield { type: 'data-howdah-file', id, data: { id, name, media_type: type } };
    }
    const messageMetadata = { howdah: metadataOf(run) };
    if (status === 'failed') {
      yield { type: 'message-metadata', messageMetadata };
      yield* this.fail(error?.message ?? `the run ended: ${stop_reason}`);
      return;
    }
    yield* this.#finishStep();
    yield { type: 'finish', finishReason: finishReasonOf(run), messageMetadata };
  }

  *#questionChunks(question: RunQuestion): Generator<UiChunk> {
    const { id, kind, prompt, options, schema, expires_at, tool_call: call, call_id } = question;
    const data = { id, kind, prompt, options, schema, expires_at, tool_call: call };
    if (kind !== 'approval') {
      yield { type: 'data-howdah-question', id, data };
      yield* this.#beginStep();
      yield* partChunks('text', id, questionText(question));
      return;
    }
    yield { type: 'data-howdah-approval', id, data };
    const toolCallId = call_id ?? wireId('approval', id);
    if (!this.#calls.has(toolCallId)) {
      // a child run asks: a step of its own, because the call of the child run is still open
      yield* this.#beginStep();
      yield* this.#callChunks(toolCallId, call?.name ?? kind, call?.arguments ?? null);
    }
    yield { type: 'tool-approval-request', approvalId: id, toolCallId, reason: prompt };
  }
}

/**
 * Returns the data part of an event of a run below, or of the progress of a tool. Clients keep one
 * part for each id, and do not keep parts that are transient.
 */
function eventChunk({ event, id, data }: StreamEvent): UiChunk {
  const part = { type: 'data-howdah-event', data: { event, ...data } };
  return id === undefined ? { ...part, transient: true } : { ...part, id };
}

/** Returns the chunks of a whole part. */
function* partChunks(kind: 'text' | 'reasoning', id: string, delta: string): Generator<UiChunk> {
  if (delta === '') return;
  yield { type: `${kind}-start`, id };
  yield { type: `${kind}-delta`, id, delta };
  yield { type: `${kind}-end`, id };
}

/**
 * Yields the chunk of a part of an answer, if the part is a cited web page. Interfaces show it as
 * a link, so no other address may be in it, such as javascript:.
 */
function* sourceChunks({ type, url, title }: JsonObject, sourceId: string): Generator<UiChunk> {
  if (type !== 'citation' || typeof url !== 'string' || !/^https?:\/\//i.test(url)) return;
  yield { type: 'source-url', sourceId, url, ...(typeof title === 'string' && { title }) };
}

function metadataOf(run: ConversationState) {
  const { status, stop_reason, finish_reason, tokens_in, tokens_out, cost } = run;
  const [inputTokens, outputTokens] = [Number(tokens_in), Number(tokens_out)];
  const usage = { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
  return { status, stop_reason, finish_reason, usage, cost: Number(cost) };
}

function finishReasonOf(run: ConversationState): string {
  if (run.questions.some(({ kind }) => kind === 'approval')) return 'tool-calls';
  const incomplete = incompleteReason(run);
  if (incomplete) return incomplete === 'length' ? 'length' : 'content-filter';
  return run.status === 'cancelled' ? 'other' : 'stop';
}

function messageOf({ message, code }: JsonObject): string {
  return typeof message === 'string' ? message : String(code ?? 'the call failed');
}
