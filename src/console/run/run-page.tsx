import { Alert, Anchor, Button, Group, Loader, Paper, Tabs, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { CompareMenu } from '../compare/compare-menu.tsx';
import { ForkDialog, type ForkedRun } from '../forks/fork-dialog.tsx';
import { ForksTab } from '../forks/forks-tab.tsx';
import { comparableRuns, type Forks, useForks } from '../forks/use-forks.ts';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { nameOfRun } from '../runs/run-name.ts';
import type { Failure } from '../server/failure.ts';
import { type RunPage as Answer, runPage } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { activeMs } from '../timeline/tree-rows.ts';
import { type RunTree, useRunTree } from '../timeline/use-run-tree.ts';
import { questionLine } from '../values/approval-words.ts';
import { ContentTab } from './content-tab.tsx';
import { copyRun } from './copy-run.ts';
import { JsonTab } from './json-tab.tsx';
import { MessagesTab } from './messages-tab.tsx';
import { AddToDataset, RunActions } from './run-actions.tsx';
import { RunFacts } from './run-facts.tsx';
import { hasEnded, type RunHead } from './run-head.ts';
import { Timeline } from './timeline.tsx';

const text = messages.run;

/** The page of a run, at a URL that one can send: `/runs/ID`, and `/runs/ID/SEQ` for a step. */
export function RunPage({ id, seq }: { id: string; seq: string | undefined }) {
  const { data, failure, reload } = useAnswer(runPage, { id });
  const run = data?.execution;
  if (run)
    return <LoadedRun {...{ run, seq, failure, reload }} explanation={data.explainExecution} />;
  return (
    <>
      <PageTitle title={messages.places.runs} table="howdah.executions" />
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!failure && data && <Text>{text.notFound}</Text>}
      {!failure && !data && <Loader size="sm" aria-label={messages.common.loading} />}
      <Anchor component={Link} href="/runs" size="sm">
        {text.allRuns}
      </Anchor>
    </>
  );
}

type LoadedRunProps = {
  run: RunHead;
  explanation: Answer['explainExecution'];
  seq: string | undefined;
  /** The reason why the newest state of the run could not be read. */
  failure: Failure | undefined;
  reload(): void;
};

function LoadedRun({ run, explanation, seq, failure, reload }: LoadedRunProps) {
  const isAtWork = !hasEnded(run);
  const tree = useRunTree({ run, isAtWork }, reload);
  const shown = failure ?? tree.failure;
  const reloadAll = () => {
    reload();
    tree.reload();
  };
  const forks = useForks(run);
  const [isForking, forkDialog] = useDisclosure(false);
  const [forked, setForked] = useState<{ run: ForkedRun; seq: number }>({ run, seq: 0 });
  const fork = (from: ForkedRun, at: number) => {
    setForked({ run: from, seq: at });
    forkDialog.open();
  };
  return (
    <>
      <PageTitle title={nameOfRun(run)} table="howdah.steps">
        <RunActions run={run} reload={reload} fork={() => fork(run, 0)} />
        {!isAtWork && <AddToDataset run={run} size="xs" />}
        <CompareMenu id={run.id} others={comparableRuns(forks, run.forkedFromSeq)} />
        <CopyAs forms={copyRun(run.id)} />
      </PageTitle>
      <RunFacts
        run={run}
        explanation={explanation}
        active={activeMs(tree.steps.get(run.id) ?? [])}
      />
      <OpenQuestions run={run} />
      {shown && <FailureAlert failure={shown} onRetry={reloadAll} />}
      <RunTabs {...{ run, tree, forks }}>
        <Timeline run={run} tree={tree} seq={seq} fork={fork} />
      </RunTabs>
      <ForkDialog
        key={`${forked.run.id} ${forked.seq} ${isForking}`}
        run={forked.run}
        seq={forked.seq}
        isOpen={isForking}
        close={forkDialog.close}
      />
    </>
  );
}

/** Says that the run, or a run below it, waits for a person, and leads there. */
function OpenQuestions({ run }: { run: RunHead }) {
  const open = run.treeQuestions.nodes.filter((one) => one !== null);
  const [first] = open;
  if (!first) return null;
  return (
    <Alert color="yellow" variant="outline" mb="sm" p="xs" className="failure">
      <Group justify="space-between">
        <Text size="sm" className="user-text" lineClamp={2}>
          {text.waitsForYou(open.length)}: {questionLine(first.prompt)}
        </Text>
        <Button component={Link} href={`/inbox/${first.id}`} size="compact-sm" variant="default">
          {text.open}
        </Button>
      </Group>
    </Alert>
  );
}

const TABS = ['timeline', 'graph', 'messages', 'content', 'forks', 'json'] as const;
/** The graph of a workflow is a part of its own, which is loaded when it is opened. */
const GraphTab = lazy(async () => ({
  default: (await import('../graph/graph-tab.tsx')).GraphTab,
}));

type RunTabsProps = { run: RunHead; tree: RunTree; forks: Forks; children: React.ReactNode };

function RunTabs({ run, tree, forks, children }: RunTabsProps) {
  const [path, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const tabs = TABS.filter((one) => one !== 'graph' || run.workflow !== null);
  const tab = tabs.find((one) => one === search.get('tab')) ?? 'timeline';
  const show = (next: string | null) => {
    if (next === null || next === 'timeline') search.delete('tab');
    else search.set('tab', next);
    navigate(search.size > 0 ? `${path}?${search}` : path, { replace: true });
  };
  return (
    <Tabs value={tab} onChange={show} keepMounted={false}>
      <Tabs.List mb="sm">
        {tabs.map((one) => (
          <Tabs.Tab key={one} value={one}>
            {text.tabs[one]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value="timeline">{children}</Tabs.Panel>
      <Tabs.Panel value="graph">
        <Suspense fallback={<Loader size="sm" aria-label={messages.common.loading} />}>
          <GraphTab id={run.id} tree={tree} />
        </Suspense>
      </Tabs.Panel>
      <Tabs.Panel value="messages">
        <MessagesTab run={run} />
      </Tabs.Panel>
      <Tabs.Panel value="content">
        <Paper withBorder radius="md" p="md">
          <ContentTab run={run} />
        </Paper>
      </Tabs.Panel>
      <Tabs.Panel value="forks">
        <ForksTab run={run} forks={forks} />
      </Tabs.Panel>
      <Tabs.Panel value="json">
        <JsonTab id={run.id} />
      </Tabs.Panel>
    </Tabs>
  );
}
