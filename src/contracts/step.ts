import type { RunError } from './errors.ts';
import type { Json, JsonObject } from './json.ts';
import type { Message } from './message.ts';

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
  input?: Json;
  output?: Json;
  error?: RunError | null;
  model_id?: string | null;
  tokens_in?: number;
  tokens_out?: number;
  started_at?: string;
  /** Messages this step adds to the conversation, in order. */
  messages?: Message[];
};

/** What a commit may do to the run besides logging: end it, or park it until a time. */
export type Transition =
  | {
      status: 'completed';
      stop_reason: 'final_answer';
      output: string;
      output_data: Json;
      /** Goes into `executions.metrics`; `finish_reason` `length` says that the answer was cut off. */
      metrics?: JsonObject;
    }
  | { status: 'failed'; stop_reason: StopReason; error: RunError }
  | { status: 'waiting'; waiting_for: 'timer'; delay_ms: number };

/** A step as it stands in the log. */
export type LoggedStep = {
  seq: number;
  kind: StepKind;
  name: string | null;
  input: Json;
  output: Json;
  error: RunError | null;
};

/** A message as it stands in the log. */
export type LoggedMessage = Message & { seq: number; step_seq: number | null };

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
};

/** A piece of an answer while it streams; ephemeral, replaced by the committed message. */
export type TokenPiece = {
  execution_id: string;
  /** The step the answer will be. */
  seq: number;
  /** A client throws away what it has of the step when this changes. */
  attempt: number;
  text: string;
};

/** Who and what a run belongs to, as tools may need it. */
export type RunContext = {
  execution_id: string;
  tenant_id: string;
  agent_id: string;
  session_id: string | null;
  metadata: JsonObject;
};
