import { Anchor, Button, Group, Loader, Paper, Select, Text } from '@mantine/core';
import { Link } from 'wouter';
import { useParameters } from '../knowledge/use-parameters.ts';
import { messages } from '../messages/messages.ts';
import { overTimeTexts } from '../messages/over-time-texts.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { PageButtons } from '../rows/list/page-buttons.tsx';
import { EVALUATIONS, isId, overTimePath, rowPath } from '../rows/paths.ts';
import { apiUrl } from '../server/base-path.ts';
import { datasetNames, evaluations } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { usePolling } from '../server/use-polling.ts';
import { StartButton } from './actions/start-dialog.tsx';
import { copyEvaluations } from './copy-quality.ts';
import { EvaluationsTable } from './evaluations-table.tsx';

const text = qualityTexts.evaluations;

/** The list of evaluations, the newest first. The URL has the data set, the rule and the page. */
export function EvaluationsPage() {
  const { parameters, change } = useParameters(EVALUATIONS);
  const { after } = parameters;
  const dataset = isId(parameters.dataset ?? '') ? parameters.dataset : undefined;
  const rule = isId(parameters.rule ?? '') ? parameters.rule : undefined;
  const { data, failure, isLoading, reload } = useAnswer(evaluations, {
    ...(dataset !== undefined && { dataset }),
    ...(rule !== undefined && { rule }),
    ...(after !== undefined && { after }),
  });
  usePolling(reload, JSON.stringify(data));
  const nodes = data?.evaluations?.nodes.filter((node) => node !== null);
  const { hasNextPage, endCursor } = data?.evaluations?.pageInfo ?? {};
  return (
    <>
      <PageTitle title={text.title} table="howdah.evaluations">
        <Button
          size="xs"
          variant="default"
          component={Link}
          href={overTimePath(dataset === undefined ? {} : { dataset_id: dataset })}
        >
          {overTimeTexts.button}
        </Button>
        <CopyAs forms={copyEvaluations({ dataset, rule }, apiUrl('/'))} />
        <StartButton dataset={dataset} />
      </PageTitle>
      <DatasetFilter
        dataset={dataset}
        show={(next) => change({ dataset: next, after: undefined })}
      />
      {rule !== undefined && (
        <RuleFilter rule={rule} clear={() => change({ rule: undefined, after: undefined })} />
      )}
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {nodes && nodes.length > 0 && <EvaluationsTable rows={nodes} />}
      {nodes?.length === 0 && after === undefined && (
        <Empty isFiltered={(dataset ?? rule) !== undefined} />
      )}
      <PageButtons
        after={after}
        next={hasNextPage ? endCursor : null}
        show={(cursor) => change({ after: cursor })}
      />
    </>
  );
}

type FilterProps = { dataset: string | undefined; show(dataset: string | undefined): void };

function DatasetFilter({ dataset, show }: FilterProps) {
  const { data } = useAnswer(datasetNames, {});
  const known = data?.datasets?.nodes.filter((node) => node !== null) ?? [];
  return (
    <Group gap="xs" mb="sm" className="filter-bar">
      <Select
        size="xs"
        w={220}
        aria-label={text.dataset}
        placeholder={text.anyDataset}
        data={known.map(({ id, name }) => ({ value: id, label: name }))}
        value={dataset ?? null}
        onChange={(next) => show(next ?? undefined)}
        searchable
        clearable
      />
    </Group>
  );
}

/** Says that the list has the evaluations of one rule, and leads to the rule. */
function RuleFilter({ rule, clear }: { rule: string; clear(): void }) {
  return (
    <Group gap="sm" mb="sm">
      <Anchor component={Link} href={rowPath({ name: 'grading-rules' }, rule)} size="sm">
        {text.ofRule}
      </Anchor>
      <Button size="compact-xs" variant="default" onClick={clear}>
        {text.ofAll}
      </Button>
    </Group>
  );
}

function Empty({ isFiltered }: { isFiltered: boolean }) {
  return (
    <Paper withBorder radius="md" p="md" role="status">
      <Text size="sm">{isFiltered ? text.noneBy : text.none}</Text>
      <Text size="sm" c="dimmed" mt={4}>
        {text.noneHint}
      </Text>
    </Paper>
  );
}
