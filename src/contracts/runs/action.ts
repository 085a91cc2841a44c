import type { Json, JsonObject } from '../../json/json.ts';
import type { Overrides } from '../agents/definition.ts';
import type { ModelRef, ToolSchema } from '../agents/model.ts';
import type { RunError } from '../errors.ts';
import type { LoggedMessage, Message, ToolCall } from './message.ts';
import type { ChildWake, LoggedStep, StopReason } from './step.ts';
import type { Trust } from './trust.ts';

/** A step as a strategy looks at it. */
export type StepNote = Pick<LoggedStep, 'kind' | 'name' | 'call_id' | 'input' | 'output' | 'error'>;

/** What a run has been told and what it tried since: everything a strategy may look at. */
export type RunState = {
  /** Earlier turns of the session, empty when the agent does not use history. */
  readonly history: readonly Message[];
  /** The run's own conversation; the first message is the input. */
  readonly messages: readonly LoggedMessage[];
  /** Of a workflow's run, whose `attempts` are its whole log: what it was told to do, text and data apart. */
  readonly task?: { input: string; data: Json } | null;
  /** What was tried after the last model answer: failed attempts, guards, calls begun, questions and answers. */
  readonly attempts: readonly StepNote[];
  /** A used-up limit that forbids another model call. */
  readonly exhausted: StopReason | null;
  /** Messages there were when the run was last retried by hand: guards look only at what came after. */
  readonly messages_at_retry: number;
  /** By model: our estimate of the shortest request that it refused as too long, in this run or the turns before. */
  readonly refused: Readonly<Record<string, number>>;
  /** As they stood when calls were last made. */
  readonly rules: CallRules;
  /** How far the least is trusted that it has read. */
  readonly trust: Trust;
};

/** What holds for calls now beside the version of the run, by names of its tools. */
export type CallRules = {
  /** Their calls need no approval any more. */
  readonly approved: readonly string[];
  /** Their calls need one, whatever the version says. */
  readonly asked: readonly string[];
  /** They may not be called any more; why. */
  readonly withdrawn: Readonly<Record<string, string>>;
  /** By trust of the run what policies say of their calls; what is not there is allowed. */
  readonly decided: Readonly<Record<string, Partial<Record<Trust, 'ask' | 'deny'>>>>;
  /** Their calls need not be asked about for a policy, in runs that are trusted that far at least. */
  readonly approved_for: Readonly<Record<string, Trust>>;
};

/** The next thing to do. A strategy decides it from definition and state alone, without any I/O. */
export type Action =
  | {
      type: 'call_model';
      model: ModelRef;
      attempt: number;
      messages: Message[];
      /** The one tool that is offered and has to be called, instead of the definition's. */
      decision?: ToolSchema;
    }
  /** The conversation outgrows the model: what stands from one message to another is summed up first. */
  | { type: 'summarize'; model: ModelRef; from_seq: number; to_seq: number; messages: Message[] }
  | { type: 'call_tools'; calls: ToolCall[] }
  /** The rows of a query of the workflow's are read, as many as there may be. */
  | { type: 'read_rows'; query: string; most: number }
  /** How near texts are to another is asked of a model for embeddings. */
  | {
      type: 'embed';
      model: ModelRef;
      attempt: number;
      query: string;
      texts: { member: string; text: string }[];
    }
  /** Who could do the task is looked up. */
  | { type: 'find_members' }
  /** Members of a workflow begin, each with its task. */
  | {
      type: 'begin_members';
      tasks: NewTask[];
      wakes_on?: ChildWake;
      at_once?: number;
      /** Why it is these. */
      decision?: TeamDecision;
      /** True while more members are to begin; the run does not wait yet. */
      goes_on?: true;
    }
  /** Nothing can be done before a person has answered or a child has ended. */
  | { type: 'wait'; for: 'question' | 'child' }
  /** A guard speaks: its message is told to the model, which then goes on. */
  | { type: 'guard'; name: string; message: string }
  | { type: 'finish'; output: string; output_data: Json }
  | {
      type: 'fail';
      stop_reason: StopReason;
      error: RunError;
      /** What was decided, when that is why nothing comes of it. */
      decision?: TeamDecision;
    };

/** What a workflow decided, as it stands in its log before what comes of it. */
export type TeamDecision =
  | { name: 'route'; call_id: 'route'; output: RoutingDecision }
  | { name: 'plan'; call_id: `plan.${number}`; output: PlanDecision };

/** Tasks to be done in steps, those of one step at the same time. */
export type PlanDecision = { plan: number; steps: { member: string; task: string }[][] };

/** How near the task is to what is said of each member, by the cosine of their vectors: the output of a model step. */
export type Nearness = { dimensions: number; scores: { member: string; score: number }[] };

/** Whom a router gives a task to, and who else could have had it. */
export type RoutingDecision = {
  method: 'llm' | 'lexical' | 'embedding';
  chosen: { member: string; confidence: number; reason?: string }[];
  reason: string;
  candidates: { member: string; score?: number }[];
};

/** What a member is given to do; `id` is unique within the run, and says its place in it. */
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
