import { nearestTo } from '../schema/schema-errors.ts';
import type { Kind } from './entry-inputs.ts';
import type { Fields } from './fields.ts';

/** A card that names another card, and the place of the name. */
export type Use = { from: string; to: string; fields: Fields; path: readonly (string | number)[] };

/** Reports names that no card has, and cycles of cards. */
export function useFaults(uses: readonly Use[], kinds: ReadonlyMap<string, Kind>): void {
  for (const { to, fields, path } of uses.filter((use) => !kinds.has(use.to))) {
    const near = nearestTo(to, [...kinds.keys()]);
    const meant = near ? `, did you mean ${JSON.stringify(near)}?` : '';
    const hint = `There are cards of: ${[...kinds.keys()].join(', ')}.`;
    fields.fault(path, `unknown agent ${JSON.stringify(to)}${meant}`, hint);
  }
  const next = Map.groupBy(uses, ({ from }) => from);
  const done = new Set<string>();
  for (const name of next.keys()) walk([name], next, done);
}

/** Searches depth first for cycles. A cycle is reported once, at its last edge. */
function walk(way: readonly string[], next: ReadonlyMap<string, Use[]>, done: Set<string>): void {
  const at = way.at(-1) ?? '';
  if (done.has(at)) return;
  for (const { to, fields, path } of next.get(at) ?? []) {
    const begin = way.indexOf(to);
    if (begin >= 0) {
      const circle = [...way.slice(begin), to].join(' → ');
      fields.fault(path, `${circle} is a cycle: an agent may not be its own sub-agent`);
    } else walk([...way, to], next, done);
  }
  done.add(at);
}
