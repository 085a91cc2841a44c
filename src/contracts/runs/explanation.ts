/** Why a run is where it is, as `howdah.explain_execution` tells it. */
export type Explanation = {
  execution_id: string;
  status: string;
  /** When it ended, else when it was last changed; ISO 8601. */
  since: string;
  reason: string;
  summary: string;
  blocked_by: { kind: string; id: string | null; name: string | null; detail: string }[];
  /** A function of `howdah`, or `start_worker`, and what it is done to. */
  next: { action: string; id: string | null }[];
};
