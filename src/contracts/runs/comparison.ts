/**
 * A text that differs between two runs, truncated around the first difference. JSON is compared as
 * text. Null if a run has no such text.
 */
export type TextDifference = { field: string; a: string | null; b: string | null };

/**
 * A step that only one of two logs has, or that differs between them. `a` and `b` are its places in
 * the logs.
 */
export type StepChange = {
  what: 'changed' | 'only_a' | 'only_b';
  a: number | null;
  b: number | null;
  kind: string;
  name: string | null;
  differences: TextDifference[];
};

/** The figures of one of two runs. Those with `total_` include the runs below it. */
export type RunFigures = {
  execution_id: string;
  agent: string | null;
  workflow: string | null;
  version: number | null;
  forked_from_execution_id: string | null;
  forked_from_seq: number | null;
  status: string;
  stop_reason: string | null;
  finish_reason: string | null;
  is_erased: boolean;
  /** True if its texts are encrypted. Then texts are not compared. */
  is_encrypted: boolean;
  created_at: string;
  /**
   * Seconds from the start of the run to its end, including waiting; null while the run has no end.
   */
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
  /** The runs directly below it, by name and status. */
  children: {
    agent: string | null;
    workflow: string | null;
    status: string;
    runs: number;
    cost: number;
  }[];
};

/** The differences between two runs, as returned by `howdah.compare_executions`. */
export type Comparison = {
  /**
   * True if the runs started, continued and ended in the same way. Null if that is unknown, because
   * their texts are encrypted and nothing else differs.
   */
  is_same: boolean | null;
  a: RunFigures;
  b: RunFigures;
  /** The number of first steps that are the same because a fork copied them. */
  shared_steps: number;
  began: TextDifference[];
  steps: {
    same: number;
    changed: number;
    only_a: number;
    only_b: number;
    /** The first step that differs; null if there is none. */
    parts_at: number | null;
    changes: StepChange[];
    /** The number of further changes that are not listed. */
    left_off: number;
  };
  ended: TextDifference[];
};
