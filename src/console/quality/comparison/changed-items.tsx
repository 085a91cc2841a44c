import { Anchor, Paper, SegmentedControl, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import type { ChangedItem, EvaluationComparison } from '../../../contracts/evaluations.ts';
import { useParameters } from '../../knowledge/use-parameters.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useRowKeys } from '../../rows/list/use-row-keys.ts';
import { EVALUATIONS } from '../../rows/paths.ts';
import { formatShare, shownText } from '../quality-rows.ts';
import { LongText } from '../result-item.tsx';
import { type ItemDetail, useResultDetails } from '../use-result-details.ts';

const text = qualityTexts.compare;
const KINDS = ['regressions', 'improvements'] as const;

/** The items that passed less often, or more often, in B. The URL says which are shown. */
export function ChangedItems({ comparison }: { comparison: EvaluationComparison }) {
  const { parameters, change } = useParameters(`${EVALUATIONS}/${comparison.a.id}/compare`);
  const shown = KINDS.find((one) => one === parameters.show) ?? 'regressions';
  const rows = comparison[shown];
  const { items, failure, reload } = useResultDetails(
    rows.map((row) => row.item_id),
    [],
  );
  const list = useRowKeys<HTMLUListElement>();
  return (
    <section aria-label={text[shown]} className="changed-items">
      <div className="changed-head">
        <Title order={2} size="h5">
          {text[shown]}
        </Title>
        <SegmentedControl
          size="xs"
          aria-label={text.shown}
          data={KINDS.map((value) => ({
            value,
            label: `${text[value]} (${comparison[value].length})`,
          }))}
          value={shown}
          onChange={(next) => change({ show: next === 'improvements' ? next : undefined })}
        />
      </div>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {rows.length === 0 && (
        <Text size="sm" mb="lg">
          {shown === 'regressions' ? text.noRegressions : text.noImprovements}
        </Text>
      )}
      <ul className="results" ref={list}>
        {rows.map((row) => (
          <Changed key={row.item_id} row={row} item={items.get(row.item_id)} />
        ))}
      </ul>
    </section>
  );
}

function Changed({ row, item }: { row: ChangedItem; item: ItemDetail | undefined }) {
  const { execution_id_a: a, execution_id_b: b } = row;
  return (
    <Paper withBorder radius="md" p="sm" component="li" className="result">
      <div className="result-head">
        <Text size="sm" fw={600}>
          {formatShare(row.passed_a)} → {formatShare(row.passed_b)}
        </Text>
        {a && b && (
          <Anchor
            component={Link}
            href={`/runs/${a}/compare/${b}`}
            size="sm"
            className="result-link"
          >
            {text.both}
          </Anchor>
        )}
        {a && (
          <Anchor component={Link} href={`/runs/${a}`} size="sm">
            {text.runA}
          </Anchor>
        )}
        {b && (
          <Anchor component={Link} href={`/runs/${b}`} size="sm">
            {text.runB}
          </Anchor>
        )}
      </div>
      <div className="result-parts">
        <LongText title={text.item} value={shownText(item?.input, item?.inputData)} />
        <LongText title={qualityTexts.results.expected} value={shownText(null, item?.expected)} />
      </div>
    </Paper>
  );
}
