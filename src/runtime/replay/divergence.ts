import type { StepKind } from '../../contracts/runs/step.ts';

/** A place where the run went another way than its record. */
export type Divergence = {
  execution_id: string;
  /** The recorded step, or the one that would have been next. */
  seq: number;
  /** Its kind; `end` where the record has no step but an end or a wait. */
  kind: StepKind | 'end';
  /** What the record says. */
  recorded: string;
  /** What happened now. */
  now: string;
  /** Of a model that was sent something else: what, as a unified diff. */
  diff?: string;
};
