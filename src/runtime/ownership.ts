import type { Commit, TakenInbox } from '../db/runs.ts';
import type { RulesOf } from './kept-rules.ts';

/** What a held run asks of the database besides its commits. */
export type Ownership = {
  /** Undefined when the run is not ours any more. */
  takeInbox(run: Pick<Commit, 'id' | 'fence' | 'after'>): Promise<TakenInbox | undefined>;
  /** False when the run is not ours any more. */
  beginRisk(id: string, fence: number): Promise<boolean>;
  /** What holds for calls now. */
  rulesOf: RulesOf;
};
