import type { Json, JsonObject } from '../../json/json.ts';
import type { AgentDefinition, ClientTool, Overrides, ToolEffect } from '../agents/definition.ts';
import type { RunError } from '../errors.ts';
import type { LoggedMessage, Message } from './message.ts';
import type { ExecutionStatus, LoggedStep, StopReason } from './step.ts';
import type { Trust } from './trust.ts';

/** A step as `howdah.export_run` gives it. */
export type ExportedStep = LoggedStep & {
  effect: ToolEffect | null;
  idempotency_key: string | null;
  tokens_in: number;
  tokens_out: number;
  /** Null when it came from outside: an answer, an input, the end of a child, what a control left. */
  worker: string | null;
};

export type ExportedMessage = LoggedMessage & { seq: number; parent_seq?: number | null };

/** The row of the run; more columns stand in it than a replay reads. */
export type ExportedExecution = {
  id: string;
  agent_id: string;
  session_id: string | null;
  root_execution_id: string;
  forked_from_seq: number | null;
  /** Steps it had when it was exported. */
  step_count: number;
  compensates_execution_id: string | null;
  status: ExecutionStatus;
  waiting_for: string | null;
  stop_reason: StopReason | null;
  input_data: Json;
  output: string | null;
  output_data: Json;
  error: RunError | null;
  metadata: JsonObject;
  /** Whose words its input is; absent in exports of before. */
  input_trust?: Trust;
  /** Absent in exports of before. */
  client_tools?: ClientTool[] | null;
  /** Absent in exports of before. */
  overrides?: Overrides | null;
};

/** A run as one document: what `howdah.export_run(id)` gives and a replay reads. */
export type ExportedRun = {
  format: 'howdah-run';
  version: 1;
  /** What it lacks of what was said, by an export with `redact` or by erasure; absent where it is whole. */
  contents?: 'redacted' | 'erased';
  execution: ExportedExecution;
  agent: { name: string; version: number };
  /** The version the run had pinned when it began. */
  definition: AgentDefinition;
  /** Who had the run from a step on; absent where it was never handed over. */
  handoffs?: {
    seq: number;
    agent: { name: string; version: number };
    definition: AgentDefinition;
  }[];
  /** What the session had said before. */
  history: Message[];
  steps: ExportedStep[];
  messages: ExportedMessage[];
  questions: (JsonObject & { id: string })[];
  children: ExportedRun[];
};
