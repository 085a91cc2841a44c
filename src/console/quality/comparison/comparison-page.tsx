import { Alert, Anchor, Button, Loader, Paper, Text } from '@mantine/core';
import { ArrowLeftRight } from 'lucide-react';
import { Link } from 'wouter';
import type { EvaluationComparison } from '../../../contracts/evaluations.ts';
import { useParameters } from '../../knowledge/use-parameters.ts';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { EVALUATIONS, isId } from '../../rows/paths.ts';
import { apiUrl } from '../../server/base-path.ts';
import { evaluationPage as evaluationQuery } from '../../server/operations.generated.ts';
import { useRest } from '../../server/rest.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { copyComparison } from '../copy-quality.ts';
import { comparisonPage, evaluationPage } from '../quality-rows.ts';
import { ChangedItems } from './changed-items.tsx';
import { FiguresTable, SlicesTable } from './figures.tsx';

const text = qualityTexts.compare;

/** The page that compares two evaluations: `/evaluations/A/compare?with=B`. */
export function ComparisonPage({ a }: { a: string }) {
  const { parameters } = useParameters(`${EVALUATIONS}/${a}/compare`);
  const b = parameters.with ?? '';
  const isGiven = isId(a) && isId(b);
  const { data, failure, isLoading, reload } = useRest<EvaluationComparison>(
    isGiven ? `/api/evaluations/${a}/comparison?with=${b}` : undefined,
  );
  return (
    <>
      <PageTitle title={text.title} table="howdah.compare_evaluations">
        <Button size="xs" variant="subtle" component={Link} href={EVALUATIONS}>
          {qualityTexts.evaluations.all}
        </Button>
        {isGiven && (
          <>
            <Button
              component={Link}
              href={comparisonPage(b, a)}
              size="xs"
              variant="default"
              leftSection={<ArrowLeftRight size={14} aria-hidden />}
            >
              {text.swap}
            </Button>
            <CopyAs forms={copyComparison(a, b, apiUrl('/'))} />
          </>
        )}
      </PageTitle>
      {!isGiven && <Text size="sm">{text.missing}</Text>}
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {data && <Compared comparison={data.body} />}
    </>
  );
}

function Compared({ comparison }: { comparison: EvaluationComparison }) {
  const { a, b, is_paired, has_equal_items, has_equal_graders, items, slices } = comparison;
  const notes = [
    ...(has_equal_items || !is_paired ? [] : [text.otherItems]),
    ...(has_equal_graders ? [] : [text.otherGraders]),
    ...([a, b].some(({ totals }) => totals.cached_runs) ? [text.cachedRuns] : []),
  ];
  return (
    <>
      <Sides a={a} b={b} />
      {notes.map((note) => (
        <Alert key={note} color="yellow" variant="outline" className="failure" mb="sm" p="xs">
          <Text size="sm">{note}</Text>
        </Alert>
      ))}
      <Text size="sm" mb="xs">
        {is_paired ? text.items(items) : text.groups}
      </Text>
      <FiguresTable comparison={comparison} />
      {is_paired && <ChangedItems comparison={comparison} />}
      {slices.length > 0 && <SlicesTable slices={slices} />}
    </>
  );
}

/** The names of A and B, with links to them. */
function Sides({ a, b }: Pick<EvaluationComparison, 'a' | 'b'>) {
  return (
    <Paper withBorder radius="md" p="sm" mb="sm">
      <dl className="row-facts">
        <SideFact letter={text.a} side={a} />
        <SideFact letter={text.b} side={b} />
      </dl>
    </Paper>
  );
}

function SideFact({ letter, side }: { letter: string; side: EvaluationComparison['a'] }) {
  const { data } = useAnswer(evaluationQuery, { id: side.id });
  const name = data?.evaluation?.agent?.name ?? data?.evaluation?.workflow?.name;
  const version = qualityTexts.evaluations.version(side.version, side.label);
  return (
    <div>
      <dt>{letter}</dt>
      <dd>
        <Anchor component={Link} href={evaluationPage(side.id)} size="sm">
          {name ? `${name}, ${version}` : version}
        </Anchor>
      </dd>
    </div>
  );
}
