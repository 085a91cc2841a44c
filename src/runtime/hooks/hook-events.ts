import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { HookEventName, HookEvents } from '../../contracts/agents/hook.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { RunContext } from '../../contracts/runs/run-context.ts';
import type { NewMessage, StepRecord, Transition } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';

/** Steps to be logged, with the transition of the run that they cause. */
export type Draft = { steps: StepRecord[]; to?: Transition | undefined };

/** A transition that ends the run. */
export type Ending = Extract<Transition, { status: 'completed' | 'failed' }>;

/** Data of events beside the step. */
export type Facts = { context: RunContext; definition: AgentDefinition; input: string | null };

/** First step of a run whose hooks are called at its start. */
export const BEGINNING: StepRecord = { kind: 'guard', name: 'before_run' };

export function isBeginning(step: StepRecord): boolean {
  return step.kind === BEGINNING.kind && step.name === BEGINNING.name;
}

/** Returns true when a tool is about to be called, by this worker or as a child run. */
export function isCallStart(step: StepRecord): boolean {
  return step.kind === 'tool_started' || step.kind === 'child_started';
}

export function isEnding(to: Transition | undefined): to is Ending {
  return to?.status === 'completed' || to?.status === 'failed';
}

/** Creates the draft of a run that fails because of a hook. */
export function failedDraft(steps: StepRecord[], error: RunError): Draft {
  return {
    steps: [...steps, { kind: 'error', error }],
    to: { status: 'failed', stop_reason: 'error', error },
  };
}

/** Returns the events that the commit of a draft causes. */
export function eventsIn({ steps, to }: Draft): Set<HookEventName> {
  const events = new Set<HookEventName>();
  for (const step of steps) {
    if (isBeginning(step)) events.add('before_run').add('after_setup');
    if (isCallStart(step)) events.add('tool_before').add('tool_after').add('message_sent');
    if (step.kind === 'tool') events.add('tool_after');
    if (step.messages?.length) events.add('message_sent');
  }
  return isEnding(to) ? events.add('execution_complete') : events;
}

function commonFields<E extends HookEventName>(event: E, { context, definition }: Facts) {
  const { agent, workflow } = definition; // a workflow's definition has the form of an agent's
  const names = workflow
    ? { agent: null, workflow: agent.name }
    : { agent: agent.name, workflow: null };
  return { ...context, event, ...names };
}

export function beforeRun(facts: Facts): HookEvents['before_run'] {
  return { ...commonFields('before_run', facts), input: facts.input };
}

export function afterSetup(facts: Facts): HookEvents['after_setup'] {
  const { agent, models, tools } = facts.definition;
  return {
    ...commonFields('after_setup', facts),
    instruction: agent.instruction,
    models: models.map(({ name, provider, model }) => ({ name, provider, model })),
    tools: tools.map(({ name, kind, effect, requires_approval }) => ({
      name,
      kind,
      effect,
      requires_approval,
    })),
  };
}

export function messageSent(facts: Facts, message: NewMessage): HookEvents['message_sent'] {
  const { role, content, tool_calls, tool_call_id } = message;
  return {
    ...commonFields('message_sent', facts),
    role,
    content,
    tool_calls: tool_calls ?? [],
    tool_call_id: tool_call_id ?? null,
  };
}

export function toolBefore(facts: Facts, step: StepRecord): HookEvents['tool_before'] {
  return {
    ...commonFields('tool_before', facts),
    tool: step.name ?? '',
    call_id: step.call_id ?? '',
    arguments: (step.input ?? {}) as JsonObject,
  };
}

export function toolAfter(facts: Facts, step: StepRecord): HookEvents['tool_after'] {
  return {
    ...commonFields('tool_after', facts),
    tool: step.name ?? '',
    call_id: step.call_id ?? '',
    arguments: step.input ?? null,
    result: step.output ?? null,
    error: step.error ?? null,
  };
}

export function executionComplete(facts: Facts, to: Ending): HookEvents['execution_complete'] {
  const end = commonFields('execution_complete', facts);
  const { status, stop_reason } = to;
  const finish_reason = to.status === 'completed' ? (to.finish_reason ?? null) : null;
  const ended = { ...end, status, stop_reason, finish_reason };
  return to.status === 'completed'
    ? { ...ended, output: to.output, output_data: to.output_data, error: null }
    : { ...ended, output: null, output_data: null, error: to.error };
}
