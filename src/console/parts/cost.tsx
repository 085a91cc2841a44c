import { formatCost, formatWholeCost } from '../messages/format.ts';

/** A cost with the digits that matter, and all its digits in a title. */
export function Cost({ value }: { value: number | string }) {
  return <span title={formatWholeCost(value)}>{formatCost(value)}</span>;
}
