import type { Json, JsonObject } from '../../json/json.ts';
import type {
  AgentDefinition,
  ClientTool,
  Overrides,
  PinnedMemory,
  ToolEffect,
} from '../agents/definition.ts';
import type { FinishReason } from '../agents/model.ts';
import type { RunError } from '../errors.ts';
import type { LoggedMessage, Message } from './message.ts';
import type { ExecutionStatus, LoggedStep, StopReason } from './step.ts';
import type { Trust } from './trust.ts';

/** A step as exported by `howdah.export_run`. */
export type ExportedStep = LoggedStep & {
  effect: ToolEffect | null;
  idempotency_key: string | null;
  tokens_in: number;
  tokens_out: number;
  /**
   * The worker; null if the step came from outside: an answer, an input, the end of a child, or the
   * effect of a control.
   */
  worker: string | null;
};

export type ExportedMessage = LoggedMessage & { seq: number; parent_seq?: number | null };

/** The row of the run. The document has more columns than a replay reads. */
export type ExportedExecution = {
  id: string;
  agent_id: string;
  session_id: string | null;
  root_execution_id: string;
  forked_from_seq: number | null;
  /** The number of steps at the time of the export. */
  step_count: number;
  compensates_execution_id: string | null;
  status: ExecutionStatus;
  waiting_for: string | null;
  stop_reason: StopReason | null;
  /** Absent in exports of earlier releases. */
  finish_reason?: FinishReason | null;
  input_data: Json;
  output: string | null;
  output_data: Json;
  error: RunError | null;
  metadata: JsonObject;
  /** The trust level of the input. */
  input_trust: Trust;
  /** The client tools of the run. */
  client_tools: ClientTool[] | null;
  /** The overrides of the run. */
  overrides: Overrides | null;
};

/** A run as one document, exported by `howdah.export_run(id)` and read by a replay. */
export type ExportedRun = {
  format: 'howdah-run';
  version: 1;
  /**
   * The reason why contents are missing: an export with `redact`, or an erasure. Absent if the
   * document is complete.
   */
  contents?: 'redacted' | 'erased';
  execution: ExportedExecution;
  agent: { name: string; version: number };
  /** The version that the run pinned when it started. */
  definition: AgentDefinition;
  /** The agents that took over the run, each from a step on. Absent if it was never handed over. */
  handoffs?: {
    seq: number;
    agent: { name: string; version: number };
    definition: AgentDefinition;
  }[];
  /**
   * The pinned memories in the prompts, by the number of handoffs before. Absent if no agent of the
   * run had any.
   */
  pinned_memories?: { handoffs: number; memories: PinnedMemory[] }[];
  /** The earlier messages of the session. */
  history: Message[];
  /**
   * True if the history may differ from what the run read. Only in a document from which requests
   * are rebuilt.
   */
  is_history_changed?: boolean;
  steps: ExportedStep[];
  messages: ExportedMessage[];
  questions: (JsonObject & { id: string })[];
  children: ExportedRun[];
};
