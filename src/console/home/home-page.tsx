import { Loader } from '@mantine/core';
import { useMemo } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { readFilter } from '../runs/run-filter.ts';
import { useRuns } from '../runs/use-runs.ts';
import { overview } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { FirstRun } from './first-run.tsx';
import { Overview } from './overview.tsx';

const ALL = readFilter(new URLSearchParams());

/** The first page: how to start a run while there is none, and later what needs attention. */
export function HomePage() {
  const today = useMemo(() => new Date().toISOString().slice(0, 10), []);
  const { data, failure, reload } = useAnswer(overview, { today });
  const newest = useRuns(ALL, undefined, { after: undefined, isLive: true });
  const isFirst = data?.any?.nodes.length === 0;
  return (
    <>
      <PageTitle title={messages.home.title} />
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {newest.liveFailure && <FailureAlert failure={newest.liveFailure} onRetry={newest.restart} />}
      {!data && !failure && <Loader size="sm" aria-label={messages.common.loading} />}
      {data && isFirst && <FirstRun runs={newest.rows} />}
      {data && !isFirst && <Overview data={data} runs={newest.rows} reload={reload} />}
    </>
  );
}
