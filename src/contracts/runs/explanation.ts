/** The reason for the present state of a run, as returned by `howdah.explain_execution`. */
export type Explanation = {
  execution_id: string;
  status: string;
  /** The time at which the run ended, or was last changed, in ISO 8601. */
  since: string;
  reason: string;
  summary: string;
  blocked_by: { kind: string; id: string | null; name: string | null; detail: string }[];
  /** Next actions: a function of `howdah`, or `start_worker`, and the id that it applies to. */
  next: { action: string; id: string | null }[];
};
