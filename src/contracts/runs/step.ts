import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';
import type { Overrides, ToolEffect } from '../agents/definition.ts';
import type { RunError } from '../errors.ts';
import type { Message } from './message.ts';
import type { Preview } from './preview.ts';
import type { RunSettings } from './run-settings.ts';
import type { Trust } from './trust.ts';

export const STEP_KINDS = [
  'input',
  'model',
  'tool_started',
  'tool',
  'child_started',
  'child',
  'question',
  'answer',
  'handoff',
  'timer',
  'guard',
  'retry',
  'fork',
  'output',
  'error',
] as const;
export type StepKind = (typeof STEP_KINDS)[number];

export type ExecutionStatus =
  | 'queued'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'completed'
  | 'failed'
  | 'cancelled';

export type StopReason =
  | 'final_answer'
  | 'max_steps'
  | 'max_tokens'
  | 'max_cost'
  | 'max_time'
  | 'loop_guard'
  | 'cancelled'
  | 'error'
  | 'expired'
  | 'poison';

/** A step on its way into the log; the database gives it its `seq`, cost and worker. */
export type StepRecord = {
  kind: StepKind;
  name?: string | null;
  /** The tool call it belongs to. */
  call_id?: string;
  effect?: ToolEffect;
  idempotency_key?: string;
  /** Of a call that begins: the message that asked for it. */
  asked_seq?: number;
  input?: Json;
  output?: Json;
  error?: RunError | null;
  model_id?: string | null;
  tokens_in?: number;
  tokens_out?: number;
  started_at?: string;
  /** What hooks noted about it. */
  annotations?: JsonObject;
  /** Messages this step adds to the conversation, in order. */
  messages?: NewMessage[];
  /** A question to people that is asked with this step. */
  question?: NewQuestion;
  /** A run below this one that begins with this step. */
  child?: NewChild;
  /** Of what the run reads by it: a tool's result without one is external; an answer of an engine that is somebody else's says so. */
  trust?: Trust;
};

/** A message on its way into the log; the database gives it its `seq`. */
export type NewMessage = Message & {
  /** Of a tool's result the message that asked for the call; else the one before. */
  parent_seq?: number;
  covers_from_seq?: number;
  covers_to_seq?: number;
};

/** A row of `howdah.questions` to be. */
export type NewQuestion = {
  /** Made here (uuid v7), so that a commit sent twice asks once. */
  id: string;
  kind: QuestionKind;
  call_id: string;
  prompt: string;
  schema?: JsonSchema;
  options?: string[];
  tool_call?: Json;
  required_role?: string;
  expires_in_ms?: number;
  default_answer?: string;
  escalate_to?: string;
  /** What the call would do. */
  preview?: Preview;
  /** Of an approval that a policy asks for: how far the run is trusted, and what made it so. */
  reason?: JsonObject;
  /** Whose words the prompt is, when it is nobody's of ours. */
  trust?: 'external';
};

/** `question`: the agent wants to know; `approval`: may it; `effect`: did it, nobody saw the end of the call. */
export type QuestionKind = 'question' | 'approval' | 'effect';

/** A run to be, for one tool call of its parent, or for one task of a workflow. */
export type NewChild = {
  id: string;
  agent_id?: string;
  workflow_id?: string;
  call_id: string;
  input: string;
  overrides?: Overrides;
  budget?: JsonObject;
};

/** Which ends of children a workflow's run wants to hear of while it waits: each, failures and the last, or the last. */
export type ChildWake = 'each' | 'failure' | 'last';

/** What a commit may do to the run besides logging: end it, or park it. */
export type Transition =
  | {
      status: 'completed';
      stop_reason: 'final_answer';
      output: string;
      output_data: Json;
      /** Goes into `executions.metrics`; `finish_reason` `length` says that the answer was cut off. */
      metrics?: JsonObject;
    }
  | { status: 'failed'; stop_reason: StopReason; error: RunError; metrics?: JsonObject }
  | { status: 'waiting'; waiting_for: 'timer'; delay_ms: number }
  | {
      status: 'waiting';
      waiting_for: 'question' | 'child' | 'quota';
      wakes_on?: ChildWake;
      /** Of the members that begin with this commit, so many may be at work at once. */
      members_at_once?: number;
    }
  /**
   * The run continues at once. The other fields apply to the members that begin with this commit,
   * as above.
   */
  | { status: 'running'; wakes_on?: ChildWake; members_at_once?: number }
  | { status: 'paused' };

/** A step as it stands in the log. */
export type LoggedStep = {
  seq: number;
  kind: StepKind;
  name: string | null;
  call_id: string | null;
  input: Json;
  output: Json;
  error: RunError | null;
};

/** What a claim or a commit tells the worker of the run it holds. */
export type Control = {
  status: ExecutionStatus;
  /** Steps committed so far: the `seq` of the last one. */
  step_count: number;
  /** A limit that forbids another model call, if one is used up. */
  exhausted: StopReason | null;
  /** Milliseconds of active time left, null when unlimited. */
  active_ms_left: number | null;
  /** Somebody subscribed: announce what is committed. */
  watched: boolean;
  /** Something came from outside that is not in the log yet. */
  has_inbox: boolean;
  /** Somebody asked the run to pause: it parks once nothing is in the air. */
  is_pause_requested: boolean;
  /** A limit is reached: no model may be called, the run waits until there is room. */
  over_quota: boolean;
  /** Calls of its tenant may be limited: each is asked for before it is made. */
  are_calls_limited: boolean;
  /** Of its tenant, as they are now; null when there are none. */
  settings: RunSettings | null;
  /** While it is the same, so is what holds for the run's calls; null when nobody looked. */
  rules_stamp: number | null;
};

/** A piece of an answer while it streams; ephemeral, replaced by the committed message. */
export type TokenPiece = {
  execution_id: string;
  /** The step the answer will be. */
  seq: number;
  /** A client throws away what it has of the step when this changes. */
  attempt: number;
  /** UTF-16 units of the answer before it: who has fewer has missed a piece. Older workers do not say. */
  offset?: number;
  text: string;
};

/** Which answer of a run streams. */
export type Answering = Pick<TokenPiece, 'execution_id' | 'seq' | 'attempt'>;

/** Where one answer goes while it streams. */
export type TokenSink = {
  say(text: string): void;
  /** It has ended, or was given up. */
  end(): void;
};

/** Takes an answer that begins. `isHeard`: somebody listens now; else it is kept for whoever comes before it ends. */
export type OpenSink = (answer: Answering, isHeard: boolean) => TokenSink | undefined;

/** Who and what a run belongs to, as tools may need it. */
export type RunContext = {
  execution_id: string;
  tenant_id: string;
  agent_id: string;
  session_id: string | null;
  /** The run at the top of the tree this one belongs to; its own id for a root. */
  root_execution_id: string;
  metadata: JsonObject;
};
