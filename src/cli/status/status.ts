/**
 * The state of the installation, as far as it was learnt in the available time. Null means unknown.
 */
export type Status = {
  /** The server that is used in place of a database. */
  server: {
    url: string;
    profile: string | null;
    state: 'ready' | 'unreachable' | 'refused';
  } | null;
  database: {
    is_embedded: boolean;
    /** Host, port and name; never a password. */
    address: string | null;
    state: DatabaseState;
  } | null;
  /** The reason why the database or the server is not reached, or what took too long. */
  problem: string | null;
  schema: {
    applied: number;
    pending: number;
    /** The number of migrations of a newer release. */
    newer: number;
    sql: 'current' | 'outdated';
  } | null;
  /** The tenant of the runs and questions. */
  tenant: string | null;
  workers: { alive: boolean; count: number | null } | null;
  model: { provider: string; model: string } | null;
  runs: Runs | null;
  questions: { open: number; newest: NewestQuestion | null } | null;
  alerts: { critical: number; warning: number; worst: string | null } | null;
};

/**
 * The state of the database. `none`: no embedded database was ever made. `busy`: it starts or
 * stops. `empty`: it has no schema of ours.
 */
export type DatabaseState =
  | 'none'
  | 'stopped'
  | 'busy'
  | 'unreachable'
  | 'refused'
  | 'empty'
  | 'ready';

export type NewestQuestion = { id: string; kind: string; prompt: string };

export type Runs = {
  queued: number;
  running: number;
  waiting: number;
  paused: number;
  /** The number of failed runs among those that started in the last day. */
  failed: number;
  newest_failed: string | null;
  /** The agent of the newest run. */
  agent: string | null;
  /** True if the tenant has a model of a server; null over an API. */
  has_llm: boolean | null;
};

/** Returns a status in which nothing is known yet. */
export function unknownStatus(): Status {
  return {
    ...{ server: null, database: null, problem: null, schema: null, tenant: null },
    ...{ workers: null, model: null, runs: null, questions: null, alerts: null },
  };
}
