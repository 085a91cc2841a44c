import { messages } from '../messages/messages.ts';
import { nameOfRun } from '../runs/run-name.ts';
import { type ForkRow, runForks } from '../server/operations.generated.ts';
import { type Loaded, useAnswer } from '../server/use-answer.ts';

/** The run that a run was forked from, and the forks of the run, the newest first. */
export type Forks = Pick<Loaded<unknown>, 'failure' | 'reload'> & {
  origin: ForkRow | undefined;
  forks: readonly ForkRow[] | undefined;
  hasMore: boolean;
};

type Subject = { id: string; forkedFromExecutionId: string | null };

/** Loads the forks of a run and its origin. */
export function useForks({ id, forkedFromExecutionId: origin }: Subject): Forks {
  const { data, failure, reload } = useAnswer(runForks, {
    id,
    origin: origin ?? id,
    hasOrigin: origin !== null,
  });
  return {
    origin: data?.origin ?? undefined,
    forks: data?.executions?.nodes.filter((one) => one !== null),
    hasMore: data?.executions?.pageInfo.hasNextPage ?? false,
    failure,
    reload,
  };
}

/** Returns the runs that a run is compared with first: its origin and its forks, with names. */
export function comparableRuns({ origin, forks = [] }: Forks, seq: number | null) {
  return [
    ...(origin ? [{ id: origin.id, name: messages.compare.originNamed(seq ?? 0) }] : []),
    ...forks.slice(0, 8).map((one) => ({
      id: one.id,
      name: messages.compare.fork(`${nameOfRun(one)} …${one.id.slice(-6)}`),
    })),
  ];
}
