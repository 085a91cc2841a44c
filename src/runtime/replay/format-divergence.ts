import type {
  ExportedExecution,
  ExportedMessage,
  ExportedStep,
} from '../../contracts/runs/exported-run.ts';
import type { Message } from '../../contracts/runs/message.ts';
import type { StepRecord, Transition } from '../../contracts/runs/step.ts';
import type { Json } from '../../json/json.ts';
import { truncate } from '../../text/truncate.ts';
import { asStoredText } from './record/as-stored-json.ts';

const LONGEST = 300;

/** Renders JSON or text on one line, truncated when it is long. */
export function abbreviate(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return truncate(text.replaceAll(/\s+/g, ' '), LONGEST);
}

type AnyStep = Pick<ExportedStep, 'kind'> &
  Partial<Pick<StepRecord, 'name' | 'input' | 'output' | 'error'>>;

/** Describes a step for people, for example `a call of lookup {"id":1}`. */
export function stepText(step: AnyStep, messages: readonly Message[] = []): string {
  const { kind, name } = step;
  switch (kind) {
    case 'model':
      return `an answer of the model ${name}${saidText(messages)}`;
    case 'tool':
      return `a call of ${name} ${abbreviate(step.input)}`;
    case 'tool_started':
      return `the beginning of a call of ${name} ${abbreviate(step.input)}`;
    case 'child_started':
      return `a run below this one by ${name} ${abbreviate(step.input)}`;
    case 'handoff':
      return `a handoff by ${name} ${abbreviate(step.input)}`;
    case 'question':
      return `a question (${name}): ${abbreviate((step.input as { prompt?: Json } | null)?.prompt)}`;
    case 'retry':
      return `a failed attempt of ${name}: ${abbreviate(step.error?.message)}`;
    case 'guard':
      return `the guard ${name}${step.error ? `: ${abbreviate(step.error.message)}` : ''}`;
    case 'error':
      return `the end of the run with an error: ${abbreviate(step.error?.message)}`;
    case 'output':
      return 'the end of the run with its output';
    default:
      return `${kind}${name ? ` ${name}` : ''} from outside`;
  }
}

function saidText([message]: readonly Message[]): string {
  const calls = message?.tool_calls ?? [];
  if (calls.length > 0) {
    return ` that calls ${calls.map((call) => `${call.name} ${abbreviate(call.arguments)}`).join(', ')}`;
  }
  return message ? `: ${abbreviate(message.content)}` : '';
}

/** Describes what a commit does to the run besides its steps. */
export function moveText(to: Transition): string {
  switch (to.status) {
    case 'completed':
      return `the run completed: ${abbreviate(to.output)}`;
    case 'failed':
      return `the run failed (${to.stop_reason}): ${abbreviate(to.error.message)}`;
    case 'waiting':
      return `the run waits for a ${to.waiting_for}`;
    case 'running':
      return 'the run goes on';
    case 'paused':
      return 'the run paused';
  }
}

/** Describes the status of the recorded run. */
export function statusText(run: ExportedExecution): string {
  switch (run.status) {
    case 'completed':
      return `the run completed: ${abbreviate(run.output)}`;
    case 'failed':
      return `the run failed (${run.stop_reason}): ${abbreviate(run.error?.message)}`;
    case 'waiting':
      return `the run waits for a ${run.waiting_for}`;
    default:
      return `nothing more: the run is ${run.status}`;
  }
}

/** Returns the fields of a message that are compared. */
export function messageText(message: Message | ExportedMessage | undefined): Json {
  if (!message) {
    return null;
  }
  const { role, content, parts, tool_calls, tool_call_id } = message;
  return {
    role,
    content: content === null ? null : asStoredText(content),
    parts: parts ?? null,
    tool_calls: (tool_calls ?? null) as Json,
    tool_call_id: tool_call_id ?? null,
  };
}
