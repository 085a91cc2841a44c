import type { PendingElicitation } from '../../../contracts/agents/call-host.ts';
import type {
  AgentDefinition,
  Overrides,
  ToolDefinition,
} from '../../../contracts/agents/definition.ts';
import type { CallRules, RunState } from '../../../contracts/runs/action.ts';
import type {
  ExportedMessage,
  ExportedRun,
  ExportedStep,
} from '../../../contracts/runs/exported-run.ts';
import type { LoggedMessage } from '../../../contracts/runs/message.ts';
import type { RunSettings } from '../../../contracts/runs/run-settings.ts';
import type { LoggedStep, StopReason } from '../../../contracts/runs/step.ts';
import { lowestTrust, type Trust } from '../../../contracts/runs/trust.ts';
import type { ClaimedRun, FirstDiscovery } from '../../../db/runs/runs.ts';
import { isJsonObject } from '../../../json/json.ts';
import { foldLog } from '../../held-run/fold.ts';
import { trustOfChildResult } from '../../held-run/trust.ts';
import { fillPromptTemplate } from '../../messages/fill-prompt-template.ts';
import { RETRY_STEP_NAME } from '../../tool-plans/open-calls.ts';
import { isForAccount, recordedDiscovery } from './recorded-discovery.ts';
import { recordedMemories } from './recorded-memories.ts';
import { recordedPolicy, recordedSettings, recordedWithdrawal } from './recorded-rules.ts';

/** Guards by which the database reports that a limit is used up. */
const LIMITS: readonly string[] = ['max_steps', 'max_tokens', 'max_cost', 'max_time'];

/**
 * A recorded run, read from a position in its log. A position is the number of steps before it. The
 * class answers what the database would have answered there.
 */
export class RunRecording {
  readonly run: ExportedRun;
  readonly steps: readonly ExportedStep[];

  constructor(run: ExportedRun) {
    const fill = (definition: AgentDefinition): AgentDefinition =>
      fillPromptTemplate(definition, run.execution.input_data ?? null);
    this.run = {
      ...run,
      definition: fill(run.definition),
      ...(run.handoffs
        ? { handoffs: run.handoffs.map((one) => ({ ...one, definition: fill(one.definition) })) }
        : {}),
    };
    this.steps = run.steps.toSorted((one, other) => one.seq - other.seq);
  }

  /** Returns the definition that the run has at a position. Each handoff changes the definition. */
  definitionAt(position: number): AgentDefinition {
    const last = this.steps[position - 1]?.seq ?? 0;
    const { handoffs = [], definition } = this.run;
    return handoffs.findLast(({ seq }) => seq <= last)?.definition ?? definition;
  }

  /**
   * Position at which the run itself started: after the steps that a fork copied, and after the
   * steps that came before the first step of a worker.
   */
  get start(): number {
    const { forked_from_seq: copied } = this.run.execution;
    return this.afterOutside(copied === null ? 0 : copied + 1);
  }

  /** Returns the position after all steps that came from outside at this position. */
  afterOutside(position: number): number {
    let behind = position;
    while (this.isOutside(behind)) {
      behind += 1;
    }
    return behind;
  }

  /** Returns true when the next step was written by no worker. */
  isOutside(position: number): boolean {
    return this.steps[position]?.worker === null;
  }

  /** Returns what the run asked for before it started, or started without, at this position. */
  discoveryAt(position: number): FirstDiscovery | undefined {
    return recordedDiscovery(this.steps.slice(position), this.run.questions);
  }

  isOver(position: number): boolean {
    return position >= this.steps.length;
  }

  /** Returns the sequence number of the next step, or the number after that of the last step. */
  seqAt(position: number): number {
    return this.steps[position]?.seq ?? (this.steps.at(-1)?.seq ?? 0) + 1;
  }

  messagesOf(step: ExportedStep): ExportedMessage[] {
    return this.run.messages.filter((message) => message.step_seq === step.seq);
  }

  /** Returns the next step of a worker about a call, at the position or after it. */
  nextOf(callId: string, position: number): ExportedStep | undefined {
    return this.steps
      .slice(position)
      .find((step) => step.call_id === callId && step.worker !== null);
  }

  /** Returns what people were asked for the server of a call, if the step is that question. */
  elicitationIn({ kind, input }: ExportedStep): PendingElicitation | undefined {
    const { elicitation, question_id } = isJsonObject(input) ? input : {};
    const question = this.run.questions.find(({ id }) => id === question_id);
    return kind === 'question' && typeof elicitation === 'string' && question
      ? { ...(question as unknown as PendingElicitation), elicitation }
      : undefined;
  }

  /** Returns the limit that is used up, as the next step reports it. */
  exhaustedAt(position: number): StopReason | null {
    const next = this.steps[position];
    const isLimit = next?.kind === 'guard' && next.error && LIMITS.includes(next.name ?? '');
    return isLimit && !this.isOutside(position) ? (next.name as StopReason) : null;
  }

  /**
   * Returns the rules of the tools at a position, as the first step of the next call of each tool
   * shows them.
   */
  rulesAt(position: number): CallRules {
    const tools = this.definitionAt(position).tools.flatMap((tool) =>
      tool.compensation ? [tool, tool.compensation] : [tool],
    );
    const approved: string[] = [];
    const needApproval: string[] = [];
    const withdrawn: Record<string, string> = {};
    const decided: Record<string, CallRules['decided'][string]> = {};
    for (const tool of tools) {
      const first = this.#firstOfNext(tool, position);
      const reason = first && recordedWithdrawal(first);
      const policy = first && recordedPolicy(first);
      if (policy) decided[tool.name] = { user: policy, internal: policy, external: policy };
      else if (first?.kind === 'question' && first.name === 'approval')
        needApproval.push(tool.name);
      else if (first && tool.requires_approval) approved.push(tool.name);
      if (reason) withdrawn[tool.name] = reason;
    }
    return { approved, asked: needApproval, withdrawn, decided, approved_for: {} };
  }

  #firstOfNext(tool: ToolDefinition, position: number): ExportedStep | undefined {
    const names = [tool.name, ...tool.aliases];
    const calls = new Set(
      this.run.messages
        .flatMap((message) => message.tool_calls ?? [])
        .filter((call) => names.includes(call.name))
        .map((call) => call.id),
    );
    const seen = new Set(this.steps.slice(0, position).map((step) => step.call_id));
    return this.steps
      .slice(position)
      .find(({ call_id }) => call_id !== null && calls.has(call_id) && !seen.has(call_id));
  }

  /** Returns the claim that a worker would get at a position. */
  claimAt(position: number): ClaimedRun {
    const { execution, history } = this.run;
    return {
      execution_id: execution.id,
      fence: 0,
      tenant_id: '',
      agent_id: execution.agent_id,
      agent_version_id: '',
      session_id: execution.session_id,
      root_execution_id: execution.root_execution_id,
      task: null,
      overrides: this.#overridesAt(position),
      shared_rules_key: null,
      is_child: false,
      is_compensation: execution.compensates_execution_id !== null,
      metadata: execution.metadata,
      step_count: position,
      exhausted: this.exhaustedAt(position),
      active_ms_left: Number.POSITIVE_INFINITY,
      has_subscribers: false,
      is_suspect: false,
      is_new: this.steps.slice(0, position).every(isForAccount),
      hooks: null,
      messages_at_retry: this.#messagesAtRetry(position),
      refused: this.#refusedAt(position),
      messages: this.#messagesAt(position),
      history,
      steps_since_answer: this.#attemptsAt(position),
      trust: this.#trustAt(position),
      is_filtered: true,
      are_calls_limited: false,
      settings: this.settingsAt(position),
    };
  }

  /** Returns the settings at a position, as far as the step committed there shows them. */
  settingsAt(position: number): RunSettings {
    const next = this.steps[position];
    return next ? recordedSettings(next, this.messagesOf(next)) : {};
  }

  /**
   * Returns the overrides that the worker got at a position, by the rule of
   * howdah_private.agent_overrides.
   */
  #overridesAt(position: number): Overrides | null {
    const { overrides, client_tools } = this.run.execution;
    const last = this.steps[position - 1]?.seq ?? 0;
    const isHandedOver = this.run.handoffs?.some(({ seq }) => seq <= last) ?? false;
    const { memories } = recordedMemories(this.run, last);
    const { model: _, request_params: __, mission_override: ___, ...others } = overrides ?? {};
    const claimedOverrides = {
      ...(isHandedOver ? others : overrides),
      ...(client_tools && { client_tools }),
      ...(memories && { pinned_memories: memories }),
    };
    return Object.keys(claimedOverrides).length > 0 ? claimedOverrides : null;
  }

  /** Returns the state that a strategy would see at a position, with the definition of the run. */
  stateAt(position: number): RunState {
    const { agent } = this.definitionAt(position);
    const state = foldLog(this.claimAt(position), agent.use_history);
    return { ...state, rules: this.rulesAt(position) };
  }

  #messagesAt(position: number): LoggedMessage[] {
    const last = this.steps[position - 1]?.seq ?? 0;
    return this.run.messages.filter(({ step_seq }) => (step_seq ?? 0) <= last).map(toLoggedMessage);
  }

  /**
   * Returns the trust at the start of the run, lowered by everything that the run has read
   * according to its log.
   */
  #trustAt(position: number): Trust {
    const { execution, messages } = this.run;
    const past = this.steps.slice(0, position);
    const last = past.at(-1)?.seq ?? 0;
    const read = messages
      .filter(({ step_seq, role }) => (step_seq ?? 0) <= last && role !== 'assistant')
      .map(({ trust }) => trust);
    const { trusts } = recordedMemories(this.run, last);
    return lowestTrust(execution.input_trust, ...read, ...past.map(trustOfChildResult), ...trusts);
  }

  #messagesAtRetry(position: number): number {
    const copied = this.run.execution.forked_from_seq ?? 0;
    const retried = this.steps
      .slice(copied, position)
      .findLastIndex(({ kind, name }) => kind === 'retry' && name === RETRY_STEP_NAME);
    return retried < 0 ? 0 : this.#messagesAt(copied + retried).length;
  }

  #refusedAt(position: number): Record<string, number> {
    const copied = this.run.execution.forked_from_seq ?? 0;
    const refused: Record<string, number> = {};
    for (const { kind, name, input, error } of this.steps.slice(copied, position)) {
      const tokens = (input as { estimated_tokens?: number } | null)?.estimated_tokens;
      if (kind === 'retry' && error?.code === 'context_too_long' && name && tokens) {
        refused[name] = Math.min(tokens, refused[name] ?? tokens);
      }
    }
    return refused;
  }

  #attemptsAt(position: number): LoggedStep[] {
    const past = this.steps.slice(0, position);
    const forked = past.findLastIndex(({ kind }) => kind === 'fork');
    const isLeft = ({ kind, effect }: ExportedStep, at: number): boolean =>
      at > forked || kind === 'child' || (kind === 'tool_started' && effect === 'once');
    const answered = past.findLastIndex(
      ({ kind, call_id }) => kind === 'model' && call_id === null,
    );
    const left = past.filter((step, at) => at > answered && isLeft(step, at));
    return left.map(({ seq, kind, name, call_id, input, output, error }) => {
      return { seq, kind, name, call_id, input, output: kind === 'tool' ? null : output, error };
    });
  }
}

/** Returns a message in the form that a claim has. Fields without a value are absent. */
function toLoggedMessage(message: ExportedMessage): LoggedMessage {
  const { seq, step_seq, role, content, parts, tool_calls, tool_call_id } = message;
  const { covers_from_seq, covers_to_seq } = message;
  const trust = message.trust === 'external' ? message.trust : undefined;
  const others = {
    step_seq,
    parts,
    tool_calls,
    tool_call_id,
    covers_from_seq,
    covers_to_seq,
    trust,
  };
  const known = Object.entries(others).filter(([, value]) => value !== null && value !== undefined);
  return { seq, role, content, ...Object.fromEntries(known) };
}
