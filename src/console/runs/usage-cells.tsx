import { ListCell } from '../lists/list-cell.tsx';
import { formatCompact, sum } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
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
      <ListCell place="hidden" className="figure">
        {formatCompact(tokens)}
      </ListCell>
      <ListCell label={messages.runs.columns.cost} className="figure">
        <Cost value={sum([row.cost, row.childrenCost])} />
      </ListCell>
    </>
  );
}
