import type { RunPage } from '../server/operations.generated.ts';

/** A run as the pages of this room read it. */
export type RunHead = NonNullable<RunPage['execution']>;

/** Returns whether a run has ended. */
export function hasEnded({ completedAt }: Pick<RunHead, 'completedAt'>): boolean {
  return completedAt !== null;
}
