import { Table } from '@mantine/core';
import { formatCompact, sum } from '../messages/format.ts';
import { Cost } from '../parts/cost.tsx';
import type { RunRow } from '../server/operations.generated.ts';

type Usage = Pick<
  RunRow,
  ('tokensIn' | 'tokensOut' | 'childrenTokensIn' | 'childrenTokensOut') | ('cost' | 'childrenCost')
>;

/** The tokens and the cost of a run with all runs below it, as cells of a table. */
export function UsageCells({ row }: { row: Usage }) {
  const tokens = sum([row.tokensIn, row.tokensOut, row.childrenTokensIn, row.childrenTokensOut]);
  return (
    <>
      <Table.Td ta="right" visibleFrom="sm" className="figure">
        {formatCompact(tokens)}
      </Table.Td>
      <Table.Td ta="right" visibleFrom="sm" className="figure">
        <Cost value={sum([row.cost, row.childrenCost])} />
      </Table.Td>
    </>
  );
}
