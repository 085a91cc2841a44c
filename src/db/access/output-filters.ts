import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { Json } from '../../json/json.ts';
import type { Queryable } from '../connection/pool.ts';

/**
 * The places through which a value may leave a run. A filter that names no place checks all of
 * these, but not `input`.
 */
export const outgoingPlaces = [
  'output',
  'question',
  'arguments',
  'sql',
  'message',
  'board',
  'file',
] as const;

/** The places that a filter may check: those of output, and what people send to a run. */
export const filterPlaces = [...outgoingPlaces, 'input'] as const;
export type FilterPlace = (typeof filterPlaces)[number];

/** The effect of a filter that matches. */
export type FilterAction = EnumLabel<'filter_action'>;

/**
 * A filter that matched, and how often. For a blocked value, the last hit names the filter that
 * blocked it. A value that could not be scanned in time has no number of matches.
 */
export type FilterHit = { filter: string; action: FilterAction; matches?: number };

/** A value after the filters of its tenant. */
export type FilteredValue = { value: Json; hits: FilterHit[]; place: FilterPlace | null };

/** Returns the result of the filters for a text. */
export async function tryFilters(
  client: Queryable,
  text: string,
  place: FilterPlace,
  agent: string | undefined,
): Promise<Pick<FilteredValue, 'value' | 'hits'>> {
  const { rows } = await client.query('select howdah.preview_output_filters($1, $2, $3) as found', [
    text,
    place,
    agent ?? null,
  ]);
  return rows[0].found;
}
