import { type ResultDetails, resultDetails } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';

/** An item of a data set, as a result shows it. */
export type ItemDetail = NonNullable<
  NonNullable<NonNullable<ResultDetails['datasetItems']>['nodes']>[number]
>;
/** The run of a result. */
export type RunDetail = NonNullable<
  NonNullable<NonNullable<ResultDetails['executions']>['nodes']>[number]
>;

/** Reads the items and the answers of a page of results, at most 100 of each. */
export function useResultDetails(itemIds: readonly string[], runIds: readonly string[]) {
  const items = [...new Set(itemIds)].slice(0, 100);
  const runs = [...new Set(runIds)].slice(0, 100);
  const { data, failure, reload } = useAnswer(
    resultDetails,
    items.length + runs.length > 0 ? { items, runs } : undefined,
  );
  return {
    items: byId(data?.datasetItems?.nodes),
    runs: byId(data?.executions?.nodes),
    failure,
    reload,
  };
}

function byId<Node extends { id: string }>(nodes: readonly (Node | null)[] | undefined) {
  return new Map(
    (nodes ?? []).flatMap((node) => (node === null ? [] : [[node.id, node] as const])),
  );
}
