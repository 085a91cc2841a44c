/** How things stand, as far as it could be learnt in the time there was: null is what was not. */
export type Status = {
  /** A server that is asked in the place of a database. */
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
  /** Why it is not reached, or what took too long. */
  problem: string | null;
  schema: {
    applied: number;
    pending: number;
    /** Of a newer release. */
    newer: number;
    sql: 'current' | 'outdated';
  } | null;
  /** The tenant that runs and questions are of. */
  tenant: string | null;
  workers: { alive: boolean; count: number | null } | null;
  model: { provider: string; model: string } | null;
  runs: Runs | null;
  questions: { open: number; newest: NewestQuestion | null } | null;
  alerts: { critical: number; warning: number; worst: string | null } | null;
};

/** `none`: no embedded one was ever made; `busy`: it starts or stops; `empty`: without a schema of ours. */
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
  /** Of those that began in the last day. */
  failed: number;
  newest_failed: string | null;
  /** The agent of the newest one. */
  agent: string | null;
  /** Whether the tenant has a model of a server; null over an API. */
  has_llm: boolean | null;
};

/** Nothing is known yet. */
export function unknownStatus(): Status {
  return {
    ...{ server: null, database: null, problem: null, schema: null, tenant: null },
    ...{ workers: null, model: null, runs: null, questions: null, alerts: null },
  };
}
