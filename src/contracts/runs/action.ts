import type { Json, JsonObject } from '../../json/json.ts';
import type { Overrides } from '../agents/definition.ts';
import type { FinishReason, ModelRef, ToolSchema } from '../agents/model.ts';
import type { RunError } from '../errors.ts';
import type { LoggedMessage, Message, ToolCall } from './message.ts';
import type { ChildWake, LoggedStep, StopReason } from './step.ts';
import type { Trust } from './trust.ts';

/** The fields of a step that a strategy reads. */
export type StepSummary = Pick<
  LoggedStep,
  'kind' | 'name' | 'call_id' | 'input' | 'output' | 'error'
>;

/**
 * The state of a run: its conversation, and the steps since its last model answer. A strategy may
 * read nothing else.
 */
export type RunState = {
  /** Earlier turns of the session; empty if the agent does not use history. */
  readonly history: readonly Message[];
  /** The run's own conversation; the first message is the input. */
  readonly messages: readonly LoggedMessage[];
  /**
   * The task of a workflow's run, as text and as data. The `steps_since_answer` of such a run
   * are its whole log.
   */
  readonly task?: { input: string; data: Json } | null;
  /**
   * The steps after the last model answer: failed attempts, guards, started calls, questions and
   * answers.
   */
  readonly steps_since_answer: readonly StepSummary[];
  /** A used-up limit that forbids another model call. */
  readonly exhausted: StopReason | null;
  /**
   * The number of messages when the run was last retried by hand. Guards consider only later
   * messages.
   */
  readonly messages_at_retry: number;
  /**
   * The estimated tokens, by model, of the shortest request that the model rejected as too long, in
   * this run or in earlier turns.
   */
  readonly refused: Readonly<Record<string, number>>;
  /** The rules at the time of the last calls. */
  readonly rules: CallRules;
  /** The lowest trust level of anything that the run has read. */
  readonly trust: Trust;
};

/** The current rules for calls besides the version of the run, by the names of its tools. */
export type CallRules = {
  /** Tools whose calls need no approval any more. */
  readonly approved: readonly string[];
  /** Tools whose calls need an approval, whatever the version says. */
  readonly asked: readonly string[];
  /** Tools that may not be called any more, with the reason. */
  readonly withdrawn: Readonly<Record<string, string>>;
  /**
   * The decisions of policies about the calls of a tool, by the trust level of the run. A call
   * without a decision is allowed.
   */
  readonly decided: Readonly<Record<string, Partial<Record<Trust, 'ask' | 'deny'>>>>;
  /**
   * Tools whose calls need no approval by a policy, with the lowest trust level of the run for
   * which this applies.
   */
  readonly approved_for: Readonly<Record<string, Trust>>;
};

/**
 * The next action of a run. A strategy decides it from the definition and the state alone, without
 * any I/O.
 */
export type Action =
  | {
      type: 'call_model';
      model: ModelRef;
      attempt: number;
      messages: Message[];
      /** The only tool that is offered and has to be called, in place of the definition's tools. */
      decision?: ToolSchema;
      wait?: WaitBounds;
    }
  /** Summarizes a range of messages first, because the conversation is too long for the model. */
  | {
      type: 'summarize';
      model: ModelRef;
      from_seq: number;
      to_seq: number;
      messages: Message[];
      wait?: WaitBounds;
    }
  | { type: 'call_tools'; calls: ToolCall[] }
  /** Reads the rows of a workflow's query, up to `most`. */
  | { type: 'read_rows'; query: string; most: number }
  /** Compares texts with a query by means of a model for embeddings. */
  | {
      type: 'embed';
      model: ModelRef;
      attempt: number;
      query: string;
      texts: { member: string; text: string }[];
      wait?: WaitBounds;
    }
  /** Looks up the agents that could do the task. */
  | { type: 'find_members' }
  /** Starts members of a workflow, each with its task. */
  | {
      type: 'begin_members';
      tasks: NewTask[];
      wakes_on?: ChildWake;
      at_once?: number;
      /** The decision that chose these members. */
      decision?: TeamDecision;
      /** True while more members have to start; the run does not wait yet. */
      goes_on?: true;
    }
  /** Waits until a person has answered or a child has ended. */
  | { type: 'wait'; for: 'question' | 'child' }
  /**
   * Sends the message of a guard to the model, which then continues. With the role `assistant`, the
   * message replaces the last answer of the model.
   */
  | { type: 'guard'; name: string; message: string; role?: 'assistant' }
  | {
      type: 'finish';
      output: string;
      output_data: Json;
      /** How the answers ended that a workflow answers with. Otherwise the log tells it. */
      finish_reason?: FinishReason;
    }
  | {
      type: 'fail';
      stop_reason: StopReason;
      error: RunError;
      /** The decision, if it is the reason for the failure. */
      decision?: TeamDecision;
    };

/**
 * The shortest and the longest wait before a repeated call, in milliseconds. Present if no fallback
 * model is left. The shortest is what the server asked for.
 */
export type WaitBounds = { least_ms: number; most_ms: number };

/** A decision of a workflow. The log contains it before its effects. */
export type TeamDecision =
  | { name: 'route'; call_id: 'route'; output: RoutingDecision }
  | { name: 'plan'; call_id: `plan.${number}`; output: PlanDecision };

/** A plan of tasks in steps. The tasks of one step run at the same time. */
export type PlanDecision = { plan: number; steps: { member: string; task: string }[][] };

/**
 * The similarity of the task to the description of each member, as the cosine of their vectors. It
 * is the output of a model step.
 */
export type Nearness = { dimensions: number; scores: { member: string; score: number }[] };

/** The members to which a router gives a task, and the candidates it had. */
export type RoutingDecision = {
  method: 'llm' | 'lexical' | 'embedding';
  chosen: { member: string; confidence: number; reason?: string }[];
  reason: string;
  candidates: { member: string; score?: number }[];
};

/** A task for a member. `id` is unique within the run, and gives the place of the task in it. */
export type NewTask = {
  id: string;
  member: string;
  agent_id?: string;
  workflow_id?: string;
  question?: JsonObject;
  input: string;
  overrides?: Overrides;
  budget?: JsonObject;
};
