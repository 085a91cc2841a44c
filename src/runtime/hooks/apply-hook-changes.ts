import { withOffload } from '../../concurrency/offload.ts';
import type { HookEvent } from '../../contracts/agents/hook.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { NewMessage, StepRecord } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import { resultText } from '../../tools/result-limit.ts';
import { schemaErrors } from '../environment/validate-json.ts';
import { childInput } from '../tool-plans/plan-tool-calls.ts';
import type { Draft, Facts } from './hook-events.ts';
import * as events from './hook-events.ts';
import {
  type CallableHook,
  callHook,
  failed,
  type HookSet,
  type HookVerdict,
  type Objection,
  refusing,
} from './hook-verdict.ts';
import { runEndHooks } from './run-end-hooks.ts';

/** A step after its hooks. `error` is set when the run fails with this step. */
type Revised = { step: StepRecord | undefined; error?: RunError };

/**
 * Shows a draft to hooks and returns the draft that is committed instead. Hooks may annotate steps
 * and change arguments. A refused call is answered by its refusal. When a hook fails, steps that
 * have happened stay in the draft, steps that were about to start are dropped, and the run fails
 * with an error that names the hook.
 */
export async function applyHookChanges(draft: Draft, hooks: HookSet, facts: Facts): Promise<Draft> {
  const steps: StepRecord[] = [];
  for (const [index, original] of draft.steps.entries()) {
    const { step, error } = await reviseStep(original, hooks, facts);
    steps.push(...(step ? [step] : []));
    if (error) {
      const others = draft.steps.slice(index + 1).filter(hasHappened);
      return runEndHooks(events.failing([...steps, ...others], error), hooks, facts);
    }
  }
  return runEndHooks({ ...draft, steps }, hooks, facts);
}

/**
 * Returns false for steps that a failing run does not start, and for the step that reports success.
 */
function hasHappened(step: StepRecord): boolean {
  return !events.isCallStart(step) && step.kind !== 'question' && step.kind !== 'output';
}

async function reviseStep(original: StepRecord, hooks: HookSet, facts: Facts): Promise<Revised> {
  if (events.isBeginning(original)) {
    return begin(original, hooks, facts);
  }
  const checked = events.isCallStart(original)
    ? await applyHookChangesToCall(original, hooks, facts)
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
async function begin(step: StepRecord, hooks: HookSet, facts: Facts): Promise<Revised> {
  let noted = step;
  for (const event of [events.beforeRun(facts), events.afterSetup(facts)]) {
    const heard = await hear(noted, event, hooks);
    if (heard.verdict) {
      return { step: undefined, error: refusing(heard.verdict, 'the run') };
    }
    noted = heard.step;
  }
  return { step: noted };
}

/**
 * Calls the hooks before a call. A call that may be made keeps its step, with the arguments that
 * the hooks want. A refused call becomes its result. Returns no step when a hook failed, because
 * nothing has started.
 */
export async function applyHookChangesToCall(
  step: StepRecord,
  hooks: HookSet,
  facts: Facts,
): Promise<Revised> {
  let call = step;
  for (const hook of hooks.of('tool_before')) {
    const wanted = await callHook(hook, events.toolBefore(facts, call));
    const said = await fitting(hook, call, wanted, facts);
    if (said.did === 'fail') {
      return { step: undefined, error: said.error };
    }
    if (said.did === 'refuse') {
      return { step: refusedCall(call, said.error) };
    }
    call = withArguments(annotated(call, said.annotate), said.arguments);
  }
  return { step: call };
}

/**
 * Checks that the arguments that a hook wants satisfy the schema of the tool. Otherwise returns a
 * failure of the hook.
 */
async function fitting(
  hook: CallableHook,
  call: StepRecord,
  said: HookVerdict,
  facts: Facts,
): Promise<HookVerdict> {
  if (said.did !== 'allow' || !said.arguments) {
    return said;
  }
  const tools = facts.definition.tools.flatMap((tool) => [tool, tool.compensation ?? tool]);
  const tool = tools.find(({ name }) => name === call.name);
  const wanted = said.arguments;
  const faults = tool
    ? await withOffload(facts.context.tenant_id, undefined, () =>
        schemaErrors(tool.parameters, wanted),
      )
    : [];
  return faults.length > 0
    ? failed(hook, `its arguments do not fit ${call.name}: ${faults.join('; ')}`)
    : said;
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
  const heard = await hear(step, events.toolAfter(facts, step), hooks);
  if (heard.verdict?.did === 'fail') {
    return { step: heard.step, error: heard.verdict.error };
  }
  if (!heard.verdict) {
    return heard;
  }
  const { error } = heard.verdict;
  const messages = step.messages?.map((message) => withError(message, error));
  const known = { ...heard.step, error: step.error ?? error };
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
  let noted = step;
  const messages = step.messages ?? [];
  for (const [index, message] of messages.entries()) {
    const heard = await hear(noted, events.messageSent(facts, message), hooks);
    if (heard.verdict) {
      const error = refusing(heard.verdict, `a message (${message.role})`);
      const instead = message.role === 'tool' ? [withError(message, error)] : [];
      const sentMessages =
        heard.verdict.did === 'fail' ? messages : messages.toSpliced(index, 1, ...instead);
      return { step: { ...heard.step, messages: sentMessages }, error };
    }
    noted = heard.step;
  }
  return { step: noted };
}

/** Calls the hooks of an event until one of them does not allow the event. */
async function hear(
  step: StepRecord,
  event: HookEvent,
  hooks: HookSet,
): Promise<{ step: StepRecord; verdict?: Objection }> {
  let noted = step;
  for (const hook of hooks.of(event.event)) {
    const verdict = await callHook(hook, event);
    if (verdict.did !== 'allow') {
      return { step: noted, verdict };
    }
    noted = annotated(noted, verdict.annotate);
  }
  return { step: noted };
}

function annotated(step: StepRecord, annotate: JsonObject): StepRecord {
  return Object.keys(annotate).length === 0
    ? step
    : { ...step, annotations: { ...step.annotations, ...annotate } };
}
