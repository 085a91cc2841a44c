import { withOffload } from '../../concurrency/offload.ts';
import type { HookEvent } from '../../contracts/agents/hook.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { NewMessage, StepRecord } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import { resultText } from '../../tools/result-limit.ts';
import { schemaErrors } from '../environment/validate-json.ts';
import { childInput } from '../tool-plans/tool-call-plan.ts';
import { callHooksOnEnd } from './call-hooks-on-end.ts';
import type { Draft, Facts } from './hook-events.ts';
import * as events from './hook-events.ts';
import {
  type CallableHook,
  callHook,
  type HookSet,
  type HookVerdict,
  hookFailure,
  type Objection,
  refusalError,
} from './hook-verdict.ts';

/** A step after its hooks. `error` is set when the run fails with this step. */
type Revised = { step: StepRecord | undefined; error?: RunError };

/**
 * Shows a draft to hooks and returns the draft that is committed instead. Hooks may annotate steps
 * and change arguments. A refused call is answered by its refusal. When a hook fails, steps that
 * have happened stay in the draft, steps that were about to start are dropped, and the run fails
 * with an error that names the hook.
 */
export async function callHooksOnDraft(draft: Draft, hooks: HookSet, facts: Facts): Promise<Draft> {
  const steps: StepRecord[] = [];
  for (const [index, original] of draft.steps.entries()) {
    const { step, error } = await reviseStep(original, hooks, facts);
    steps.push(...(step ? [step] : []));
    if (error) {
      const others = draft.steps.slice(index + 1).filter(hasHappened);
      return callHooksOnEnd(events.failedDraft([...steps, ...others], error), hooks, facts);
    }
  }
  return callHooksOnEnd({ ...draft, steps }, hooks, facts);
}

/**
 * Returns false for steps that a failing run does not start, and for the step that reports success.
 */
function hasHappened(step: StepRecord): boolean {
  return !events.isCallStart(step) && step.kind !== 'question' && step.kind !== 'output';
}

async function reviseStep(original: StepRecord, hooks: HookSet, facts: Facts): Promise<Revised> {
  if (events.isBeginning(original)) {
    return reviseStart(original, hooks, facts);
  }
  const checked = events.isCallStart(original)
    ? await callHooksOnCall(original, hooks, facts)
    : { step: original };
  if (checked.step?.kind !== 'tool') {
    return checked.step ? reviseMessages(checked.step, hooks, facts) : checked;
  }
  const after = await reviseResult(checked.step, hooks, facts);
  return after.error || !after.step ? after : reviseMessages(after.step, hooks, facts);
}

/**
 * Calls the hooks of the start of a run. Returns no step when a hook does not allow the start. The
 * run has then not started, and the hooks are called again when it is retried.
 */
async function reviseStart(step: StepRecord, hooks: HookSet, facts: Facts): Promise<Revised> {
  let current = step;
  for (const event of [events.beforeRun(facts), events.afterSetup(facts)]) {
    const result = await callHooks(current, event, hooks);
    if (result.verdict) {
      return { step: undefined, error: refusalError(result.verdict, 'the run') };
    }
    current = result.step;
  }
  return { step: current };
}

/**
 * Calls the hooks before a call. A call that may be made keeps its step, with the arguments that
 * the hooks want. A refused call becomes its result. Returns no step when a hook failed, because
 * nothing has started.
 */
export async function callHooksOnCall(
  step: StepRecord,
  hooks: HookSet,
  facts: Facts,
): Promise<Revised> {
  let call = step;
  for (const hook of hooks.of('tool_before')) {
    const answer = await callHook(hook, events.toolBefore(facts, call));
    const verdict = await checkArguments(hook, call, answer, facts);
    if (verdict.did === 'fail') {
      return { step: undefined, error: verdict.error };
    }
    if (verdict.did === 'refuse') {
      return { step: refusedCall(call, verdict.error) };
    }
    call = withArguments(withAnnotations(call, verdict.annotate), verdict.arguments);
  }
  return { step: call };
}

/**
 * Checks that the arguments that a hook wants satisfy the schema of the tool. Otherwise returns a
 * failure of the hook.
 */
async function checkArguments(
  hook: CallableHook,
  call: StepRecord,
  verdict: HookVerdict,
  facts: Facts,
): Promise<HookVerdict> {
  if (verdict.did !== 'allow' || !verdict.arguments) {
    return verdict;
  }
  const tools = facts.definition.tools.flatMap((tool) => [tool, tool.compensation ?? tool]);
  const tool = tools.find(({ name }) => name === call.name);
  const args = verdict.arguments;
  const faults = tool
    ? await withOffload(facts.context.tenant_id, undefined, () =>
        schemaErrors(tool.parameters, args),
      )
    : [];
  return faults.length > 0
    ? hookFailure(hook, `its arguments do not fit ${call.name}: ${faults.join('; ')}`)
    : verdict;
}

function withArguments(call: StepRecord, args: JsonObject | undefined): StepRecord {
  if (!args) {
    return call;
  }
  const child = call.child && { ...call.child, input: childInput(args) };
  return { ...call, input: args, ...(child ? { child } : {}) };
}

function refusedCall(call: StepRecord, error: RunError): StepRecord {
  const { name, call_id = '', input, request_seq, annotations } = call;
  const message: NewMessage = {
    role: 'tool',
    content: resultText({ ok: false, error }),
    tool_call_id: call_id,
    ...(request_seq === undefined ? {} : { parent_seq: request_seq }),
  };
  return {
    kind: 'tool',
    ...(name === undefined ? {} : { name }),
    call_id,
    ...(input === undefined ? {} : { input }),
    error,
    trust: 'system',
    ...(annotations ? { annotations } : {}),
    messages: [message],
  };
}

/**
 * Calls the hooks after a call. The call was made, so its result stays in the log whatever a hook
 * answers. After a refusal, the model reads the refusal.
 */
async function reviseResult(step: StepRecord, hooks: HookSet, facts: Facts): Promise<Revised> {
  const result = await callHooks(step, events.toolAfter(facts, step), hooks);
  if (result.verdict?.did === 'fail') {
    return { step: result.step, error: result.verdict.error };
  }
  if (!result.verdict) {
    return result;
  }
  const { error } = result.verdict;
  const messages = step.messages?.map((message) => withError(message, error));
  const known = { ...result.step, error: step.error ?? error };
  return { step: messages ? { ...known, messages } : known };
}

function withError(message: NewMessage, error: RunError): NewMessage {
  return { ...message, content: resultText({ ok: false, error }) };
}

/**
 * Calls the hooks for the messages of a step. A refused message is not sent, and the run fails. A
 * call keeps a result, so that the call is never made again.
 */
async function reviseMessages(step: StepRecord, hooks: HookSet, facts: Facts): Promise<Revised> {
  let current = step;
  const messages = step.messages ?? [];
  for (const [index, message] of messages.entries()) {
    const result = await callHooks(current, events.messageSent(facts, message), hooks);
    if (result.verdict) {
      const error = refusalError(result.verdict, `a message (${message.role})`);
      const instead = message.role === 'tool' ? [withError(message, error)] : [];
      const sentMessages =
        result.verdict.did === 'fail' ? messages : messages.toSpliced(index, 1, ...instead);
      return { step: { ...result.step, messages: sentMessages }, error };
    }
    current = result.step;
  }
  return { step: current };
}

/** Calls the hooks of an event until one of them does not allow the event. */
async function callHooks(
  step: StepRecord,
  event: HookEvent,
  hooks: HookSet,
): Promise<{ step: StepRecord; verdict?: Objection }> {
  let current = step;
  for (const hook of hooks.of(event.event)) {
    const verdict = await callHook(hook, event);
    if (verdict.did !== 'allow') {
      return { step: current, verdict };
    }
    current = withAnnotations(current, verdict.annotate);
  }
  return { step: current };
}

function withAnnotations(step: StepRecord, annotate: JsonObject): StepRecord {
  return Object.keys(annotate).length === 0
    ? step
    : { ...step, annotations: { ...step.annotations, ...annotate } };
}
