import { Alert, Button, Loader, Paper, Text, Title } from '@mantine/core';
import { ArrowLeftRight } from 'lucide-react';
import { Link } from 'wouter';
import type { Comparison, TextDifference } from '../../contracts/runs/comparison.ts';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { apiUrl } from '../server/base-path.ts';
import { type ComparedRun, compareRuns } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { copyComparison } from './copy-comparison.ts';
import { FiguresTable } from './figures-table.tsx';
import { StepRows } from './step-rows.tsx';
import { TextDiff } from './text-diff.tsx';

const text = messages.compare;

/** The page that compares two runs step by step: `/runs/A/compare/B`. */
export function ComparePage({ a, b }: { a: string; b: string }) {
  const { data, failure, reload } = useAnswer(compareRuns, { a, b });
  const [first, second] = [encodeURIComponent(a), encodeURIComponent(b)];
  const url = apiUrl(`/api/executions/${first}/compare/${second}`);
  return (
    <>
      <PageTitle title={text.title} table="howdah.compare_executions">
        <Button
          component={Link}
          href={`/runs/${second}/compare/${first}`}
          size="xs"
          variant="default"
          leftSection={<ArrowLeftRight size={14} aria-hidden />}
        >
          {text.swap}
        </Button>
        {data?.compareExecutions && <CopyAs forms={copyComparison(a, b, url)} />}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!failure && !data && <Loader size="sm" aria-label={messages.common.loading} />}
      {data && !data.compareExecutions && <Text>{text.notFound}</Text>}
      {data?.compareExecutions && (
        <Compared
          comparison={data.compareExecutions as unknown as Comparison}
          first={data.first}
          second={data.second}
        />
      )}
    </>
  );
}

type ComparedProps = {
  comparison: Comparison;
  first: ComparedRun | null;
  second: ComparedRun | null;
};

/** Differences at the start that the table of figures shows. */
const FIGURES: ReadonlySet<string> = new Set(['agent', 'workflow', 'version', 'models']);

function Compared({ comparison, first, second }: ComparedProps) {
  const { a, b, ended, is_same: isSame } = comparison;
  const began = comparison.began.filter(({ field }) => !FIGURES.has(field));
  return (
    <>
      {(a.is_encrypted || b.is_encrypted) && (
        <Alert color="yellow" variant="outline" className="failure">
          {text.encrypted}
        </Alert>
      )}
      <Paper withBorder radius="md" mb="md" className="table-frame">
        <FiguresTable comparison={comparison} first={first} second={second} />
      </Paper>
      {isSame === true && <Text mb="md">{text.same}</Text>}
      <Differences title={text.began} differences={began} />
      <StepRows comparison={comparison} first={first} second={second} />
      <Differences title={text.ended} differences={ended} />
    </>
  );
}

function Differences({ title, differences }: { title: string; differences: TextDifference[] }) {
  if (differences.length === 0) return null;
  return (
    <section>
      <Title order={2} size="h5" mb="xs">
        {title}
      </Title>
      <Paper withBorder radius="md" p="md" mb="md">
        {differences.map(({ field, a, b }) => (
          <TextDiff key={field} title={field} a={a} b={b} />
        ))}
      </Paper>
    </section>
  );
}
