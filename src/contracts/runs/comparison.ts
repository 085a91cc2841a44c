/** A text that two runs have otherwise, cut around the place where it parts; JSON is as its text. Null where a run has none. */
export type TextDifference = { field: string; a: string | null; b: string | null };

/** A step that only one of two logs has, or that says something else in each; `a` and `b` are its places there. */
export type StepChange = {
  what: 'changed' | 'only_a' | 'only_b';
  a: number | null;
  b: number | null;
  kind: string;
  name: string | null;
  differences: TextDifference[];
};

/** One of two runs, in figures; those with `total_` have the runs below it in them. */
export type RunFigures = {
  execution_id: string;
  agent: string | null;
  workflow: string | null;
  version: number | null;
  forked_from_execution_id: string | null;
  forked_from_seq: number | null;
  status: string;
  stop_reason: string | null;
  is_erased: boolean;
  created_at: string;
  /** From its start to its end, waiting and all; null while it has none. */
  seconds: number | null;
  steps: number;
  model_calls: number;
  tool_calls: number;
  retries: number;
  tokens_in: number;
  tokens_out: number;
  cost: number;
  total_tokens_in: number;
  total_tokens_out: number;
  total_cost: number;
  /** The runs right below it, by name and status. */
  children: {
    agent: string | null;
    workflow: string | null;
    status: string;
    runs: number;
    cost: number;
  }[];
};

/** In what two runs differ, as `howdah.compare_executions` tells it. */
export type Comparison = {
  /** They began, went on and ended alike. */
  is_same: boolean;
  a: RunFigures;
  b: RunFigures;
  /** So many first steps are the same because a fork copied them. */
  shared_steps: number;
  began: TextDifference[];
  steps: {
    same: number;
    changed: number;
    only_a: number;
    only_b: number;
    /** The first step that differs; null when none does. */
    parts_at: number | null;
    changes: StepChange[];
    /** So many changes more are not told. */
    left_off: number;
  };
  ended: TextDifference[];
};
