import { Anchor, Loader, Paper, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import { Link, useSearch } from 'wouter';
import type { ForkedRun } from '../forks/fork-dialog.tsx';
import { messages } from '../messages/messages.ts';
import { Cost } from '../parts/cost.tsx';
import { ValueView } from '../parts/value-view.tsx';
import { useMayWrite } from '../server/me.tsx';
import { runTokens } from '../server/operations.generated.ts';
import { useLive } from '../server/use-live.ts';
import { costliestStep, type TreeRow, treeRows } from '../timeline/tree-rows.ts';
import { MAX_RUNS, type RunTree } from '../timeline/use-run-tree.ts';
import { Waterfall } from '../timeline/waterfall.tsx';
import { hasEnded, type RunHead } from './run-head.ts';
import { StepDetail } from './step-detail.tsx';

const text = messages.run;

type TimelineProps = {
  run: RunHead;
  tree: RunTree;
  seq: string | undefined;
  fork(run: ForkedRun, seq: number): void;
};

/** The timeline of the tree, and beside it the chosen step. A step of a run below is `?of=RUN`. */
export function Timeline({ run, tree, seq, fork }: TimelineProps) {
  const of = new URLSearchParams(useSearch()).get('of') ?? run.id;
  const rows = useMemo(
    () => treeRows(tree.runs, tree.steps, run.id),
    [tree.runs, tree.steps, run.id],
  );
  const selected =
    seq !== undefined && /^\d{1,9}$/.test(seq) ? { runId: of, seq: Number(seq) } : undefined;
  const mayRun = useMayWrite('executions');
  const costliest = useMemo(() => costliestStep(rows), [rows]);
  const owner = of === run.id ? run : tree.runs.find(({ id }) => id === of);
  const pathOf = (row: TreeRow) => {
    if (row.seq === undefined) return `/runs/${row.runId}`;
    return `/runs/${run.id}/${row.seq}${row.runId === run.id ? '' : `?of=${row.runId}`}`;
  };
  if (tree.isLoading) return <Loader size="sm" aria-label={messages.common.loading} />;
  return (
    <div className="timeline" data-selected={selected !== undefined || undefined}>
      <div className="timeline-lines">
        {costliest && (
          <Text size="sm" mb={6}>
            {text.costliest}:{' '}
            <Anchor
              component={Link}
              href={pathOf(costliest)}
              size="sm"
              underline="always"
              className="user-text"
            >
              {costliest.seq} {costliest.kind} {costliest.name}
            </Anchor>{' '}
            <Cost value={costliest.cost} />
          </Text>
        )}
        <Paper withBorder radius="md" className="table-frame">
          <Waterfall rows={rows} isAtWork={!hasEnded(run)} selected={selected} pathOf={pathOf} />
        </Paper>
        {tree.hasMoreRuns && <Text size="sm">{text.moreSteps(MAX_RUNS)}</Text>}
        {run.status === 'running' && <AnswerSoFar key={run.stepCount} id={run.id} />}
      </div>
      {selected && (
        <StepDetail
          runId={selected.runId}
          seq={selected.seq}
          closePath={`/runs/${run.id}`}
          fork={owner && mayRun ? () => fork({ ...NO_INPUT, ...owner }, selected.seq) : undefined}
        />
      )}
    </div>
  );
}

/** The input of a run below is not loaded. A fork from a step copies it. */
const NO_INPUT = { input: '', inputData: null };

/** The answer that the model is writing. The committed step replaces it. */
function AnswerSoFar({ id }: { id: string }) {
  const [answer, setAnswer] = useState({ at: '', content: '' });
  useLive(
    runTokens,
    { id },
    {
      onStart: () => setAnswer({ at: '', content: '' }),
      onEvent({ executionTokens: piece }) {
        if (!piece) return;
        const at = `${piece.seq} ${piece.attempt}`;
        setAnswer((last) => ({ at, content: (last.at === at ? last.content : '') + piece.text }));
      },
    },
  );
  if (answer.content === '') return null;
  return (
    <Paper withBorder radius="md" p="sm" mt="sm">
      <Text size="xs" fw={600} mb={4}>
        {text.answerSoFar}
      </Text>
      <ValueView value={answer.content} label={text.answerSoFar} />
    </Paper>
  );
}
