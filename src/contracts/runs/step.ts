import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../json/json.ts';
import type { Overrides, ToolEffect } from '../agents/definition.ts';
import type { FinishReason } from '../agents/model.ts';
import { type EnumLabel, enumLabels } from '../enum-labels.generated.ts';
import type { RunError } from '../errors.ts';
import type { Message } from './message.ts';
import type { Preview } from './preview.ts';
import type { RunSettings } from './run-settings.ts';
import type { Trust } from './trust.ts';

export const STEP_KINDS = enumLabels.step_kind;
export type StepKind = (typeof STEP_KINDS)[number];

/** The statuses of an execution. */
export const EXECUTION_STATUSES = enumLabels.execution_status;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

export type StopReason = EnumLabel<'stop_reason'>;

/** A step for the log. The database assigns its `seq`, cost and worker. */
export type StepRecord = {
  kind: StepKind;
  name?: string | null;
  /** The tool call it belongs to. */
  call_id?: string;
  effect?: ToolEffect;
  idempotency_key?: string;
  /** The message that requested the call, for a call that starts. */
  request_seq?: number;
  input?: Json;
  output?: Json;
  error?: RunError | null;
  model_id?: string | null;
  tokens_in?: number;
  tokens_out?: number;
  started_at?: string;
  /** Annotations of hooks. */
  annotations?: JsonObject;
  /** Messages this step adds to the conversation, in order. */
  messages?: NewMessage[];
  /** A question to people, asked with this step. */
  question?: NewQuestion;
  /** A child run that starts with this step. */
  child?: NewChild;
  /**
   * The trust level of what the run reads by this step. A tool result without a level is external.
   * An answer of somebody else's engine is marked as external.
   */
  trust?: Trust;
};

/** Returns whether an answer cache gave what a step of a model or a tool got. */
export function isCached({ kind, annotations, output }: StepRecord): boolean {
  if (kind === 'tool') return annotations?.cached_from !== undefined;
  return kind === 'model' && isJsonObject(output) && output.cached_from !== undefined;
}

/** A message for the log. The database assigns its `seq`. */
export type NewMessage = Message & {
  /** The message that requested the call, for a tool result; otherwise the message before. */
  parent_seq?: number;
  covers_from_seq?: number;
  covers_to_seq?: number;
};

/** A new row of `howdah.questions`. */
export type NewQuestion = {
  /** The id (uuid v7), created here so that a commit that is sent twice asks once. */
  id: string;
  kind: QuestionKind;
  /** The call that the question is about. Absent for a question before the first model call. */
  call_id?: string;
  prompt: string;
  schema?: JsonSchema;
  options?: string[];
  tool_call?: { id: string; name: string; arguments: Json };
  required_role?: string;
  expires_in_ms?: number;
  default_answer?: string;
  escalate_to?: string;
  /** The effects of the call. */
  preview?: Preview;
  /** The trust level of the run and the reason for it, for an approval that a policy requires. */
  reason?: JsonObject;
  /** Set if the text of the prompt comes from outside. */
  trust?: 'external';
};

/**
 * The kind of a question.
 * - `question`: the agent needs information
 * - `approval`: the agent needs permission
 * - `effect`: the outcome of a call is unknown, because nobody saw its end
 */
export type QuestionKind = EnumLabel<'question_kind'>;

/** A new run for one tool call of its parent, or for one task of a workflow. */
export type NewChild = {
  id: string;
  agent_id?: string;
  workflow_id?: string;
  call_id: string;
  input: string;
  overrides?: Overrides;
  budget?: JsonObject;
};

/**
 * The ends of children that wake the run of a workflow while it waits: each end, failures and the
 * last end, or the last end.
 */
export type ChildWake = EnumLabel<'child_wake'>;

/** The change of a run by a commit besides logging: the run ends or is parked. */
export type Transition =
  | {
      status: 'completed';
      stop_reason: 'final_answer';
      output: string;
      output_data: Json;
      /** How the last answer ended, if it is known here. Otherwise the database reads the log. */
      finish_reason?: FinishReason;
      /** Values for `executions.metrics`. */
      metrics?: JsonObject;
    }
  | { status: 'failed'; stop_reason: StopReason; error: RunError; metrics?: JsonObject }
  | { status: 'waiting'; waiting_for: 'timer'; delay_ms: number }
  | {
      status: 'waiting';
      waiting_for: 'question' | 'child' | 'quota';
      wakes_on?: ChildWake;
      /** Most members at work at the same time, of those that start with this commit. */
      members_at_once?: number;
    }
  /**
   * The run continues at once. The other fields apply to the members that start with this commit,
   * as above.
   */
  | { status: 'running'; wakes_on?: ChildWake; members_at_once?: number }
  | { status: 'paused' };

/** A step as stored in the log. */
export type LoggedStep = {
  seq: number;
  kind: StepKind;
  name: string | null;
  call_id: string | null;
  input: Json;
  output: Json;
  error: RunError | null;
};

/** The state of a run that a claim or a commit returns to its worker. */
export type Control = {
  status: ExecutionStatus;
  /** The number of committed steps, which is the `seq` of the last one. */
  step_count: number;
  /** A limit that forbids another model call; null if none is used up. */
  exhausted: StopReason | null;
  /** Milliseconds of active time left, null when unlimited. */
  active_ms_left: number | null;
  /** True if the run has a subscriber, so that commits are announced. */
  has_subscribers: boolean;
  /** True if something arrived from outside that is not in the log yet. */
  has_inbox: boolean;
  /** True if a pause was requested. The run is parked once no call is in flight. */
  is_pause_requested: boolean;
  /** True if a limit is reached. No model may be called, and the run waits until there is room. */
  over_quota: boolean;
  /** True if calls of the tenant may be limited. Each call is then requested before it is made. */
  are_calls_limited: boolean;
  /** The present settings of the tenant; null if there are none. */
  settings: RunSettings | null;
  /**
   * The stamp of the rules for the run's calls. While it is unchanged, so are the rules. Null if it
   * was not read.
   */
  rules_stamp: number | null;
};

/** A piece of a streamed answer. It is ephemeral, and the committed message replaces it. */
export type TokenPiece = {
  execution_id: string;
  /** The `seq` of the step that the answer will be. */
  seq: number;
  /** The attempt. When it changes, a client discards what it has of the step. */
  attempt: number;
  /**
   * The number of UTF-16 units of the answer before the piece. A client with fewer has missed a
   * piece. Older workers do not send it.
   */
  offset?: number;
  text: string;
};

/** The identity of a streamed answer. */
export type StreamedAnswer = Pick<TokenPiece, 'execution_id' | 'seq' | 'attempt'>;

/** The sink of one answer while it streams. */
export type TokenSink = {
  say(text: string): void;
  /** Ends the stream, because the answer has ended or was given up. */
  end(): void;
};

/**
 * Opens the sink of an answer that starts. `isHeard` means that a subscriber listens now. Otherwise
 * the answer is buffered for subscribers that come before it ends.
 */
export type OpenSink = (answer: StreamedAnswer, isHeard: boolean) => TokenSink | undefined;
