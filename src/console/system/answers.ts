import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { ExecutionStatus, WaitingReason } from '../server/operations.generated.ts';

// Answers of REST that have no form in GraphQL operations of the console.

type QueueState = {
  status: ExecutionStatus;
  waiting_for: WaitingReason | null;
  runs: number;
  due_runs: number;
  oldest_due_at: string | null;
  oldest_due_id: string | null;
  next_due_at: string | null;
};

type NextRun = {
  execution_id: string;
  status: ExecutionStatus;
  agent: string | null;
  workflow: string | null;
  priority: number;
  created_at: string;
  due_at: string;
};

type LiveWorker = {
  started_at: string;
  heartbeat_at: string;
  is_dedicated: boolean;
  running_runs: number;
};

/** The answer of `GET /api/queue`. */
export type Queue = { states: QueueState[]; next: NextRun[]; workers: LiveWorker[] };

/** A row of `GET /api/violations`. */
export type Violation = { rule: string; execution_id: string | null; detail: string };

/** A row of `GET /api/batch-jobs`. */
export type BatchJob = {
  name: string;
  description: string;
  is_paused: boolean;
  can_pause: boolean;
  waiting: number | null;
  later: number | null;
  failing: number | null;
  oldest_due_at: string | null;
  last_error: string | null;
};

/** The shown fields of a row of `GET /api/alert-rules`. */
export type AlertRule = {
  id: string;
  name: string;
  description: string;
  state: EnumLabel<'alert_state'>;
  found_rows: number | null;
  changed_at: string | null;
  last_error: string | null;
};

/** A row of `GET /api/audit-log`. */
export type AuditEntry = {
  seq: number;
  id: string;
  created_at: string;
  actor: string;
  action: string;
  object: string;
  object_id: string;
  changed: string[] | null;
  client: string;
};

/** The answer of `GET /api/audit-log/check`. */
export type AuditCheck = {
  checked: number;
  through: number;
  last_seq: number;
  fault: 'changed' | 'missing' | 'truncated' | 'forged' | null;
  fault_seq: number | null;
  checkpoint_seq: number | null;
  checkpoint_at: string | null;
};

/** A row of `GET /api/settings`. */
export type Setting = {
  key: string;
  value: number | null;
  source: 'tenant' | 'system' | 'default';
  default_value: number | null;
  minimum: number;
  maximum: number;
  description: string;
};
