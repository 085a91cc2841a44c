import type { StepKind } from '../../contracts/runs/step.ts';

/** A place where the replay differs from the record. */
export type Divergence = {
  execution_id: string;
  /** Sequence number of the recorded step, or of the step that would have been next. */
  seq: number;
  /** Kind of the step. `end` where the record has no step but an end or a wait. */
  kind: StepKind | 'end';
  /** Description of what the record contains. */
  recorded: string;
  /** Description of what happened in the replay. */
  now: string;
  /** Unified diff of the request, when a model was sent a different request. */
  diff?: string;
};
