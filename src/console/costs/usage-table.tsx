import { Anchor, Paper, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import { ListCell } from '../lists/list-cell.tsx';
import { costTexts } from '../messages/cost-texts.ts';
import { formatCompact, formatCount, sum } from '../messages/format.ts';
import { Cost } from '../parts/cost.tsx';
import type { UsageSum } from './days.ts';

const text = costTexts;

type UsageTableProps = { unit: keyof typeof text.units; sums: readonly UsageSum[] };

/** Usage by one fact, the dearest first. */
export function UsageTable({ unit, sums }: UsageTableProps) {
  const total = sum(sums.map(({ cost }) => cost));
  if (sums.length === 0) return <Text size="sm">{text.empty}</Text>;
  return (
    <Paper withBorder radius="md" className="table-frame wide-table">
      <Table verticalSpacing={6} className="versions stacked">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{text.units[unit]}</Table.Th>
            {[text.cost, text.share].map((name) => (
              <Table.Th key={name} ta="right">
                {name}
              </Table.Th>
            ))}
            {[text.runs, text.calls, text.tokensIn, text.tokensOut, text.cached].map((name) => (
              <Table.Th key={name} ta="right">
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sums.map((one) => (
            <Row key={one.value ?? ''} {...{ unit, total }} usage={one} />
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}

type RowProps = { unit: UsageTableProps['unit']; usage: UsageSum; total: number };

function Row({ unit, usage, total }: RowProps) {
  const { value, runs, calls, tokens_in, tokens_out, cached_tokens, cost } = usage;
  const figures = [
    [text.runs, formatCount(runs)],
    [text.calls, formatCount(calls)],
    [text.tokensIn, formatCompact(tokens_in)],
    [text.tokensOut, formatCompact(tokens_out)],
    [text.cached, formatCompact(cached_tokens)],
  ] as const;
  const share = total > 0 ? `${Math.round((Number(cost) / total) * 100)} %` : '';
  return (
    <Table.Tr>
      <ListCell place="name" className="user-text">
        <Name unit={unit} value={value} />
      </ListCell>
      <ListCell place="side" className="figure">
        <Cost value={cost} />
      </ListCell>
      <ListCell className="figure">{share}</ListCell>
      {figures.map(([label, figure]) => (
        <ListCell key={label} label={label} className="figure">
          {figure}
        </ListCell>
      ))}
    </Table.Tr>
  );
}

/** The value, with a link to the runs of an agent or a workflow. */
function Name({ unit, value }: { unit: string; value: string | null }) {
  if (value === null) return text.none;
  if (unit !== 'agent' && unit !== 'workflow') return value;
  return (
    <Anchor component={Link} href={`/runs?${unit}=${encodeURIComponent(value)}`} size="sm">
      {value}
    </Anchor>
  );
}
