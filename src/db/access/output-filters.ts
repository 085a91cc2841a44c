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

/** A rule for values that must not leave or enter the runs of one agent, or of any agent. */
export type OutputFilter = {
  name: string;
  agent: string | null;
  pattern: string;
  places: FilterPlace[];
  action: FilterAction;
  is_active: boolean;
};

/**
 * Returns the filters of the tenant that the connection acts for, or only the one with this name.
 */
export async function listFilters(client: Queryable, name?: string): Promise<OutputFilter[]> {
  const { rows } = await client.query(
    `select f.name, a.name as agent, f.pattern, f.places::text[] as places, f.action, f.is_active
     from howdah.output_filters as f
     left join howdah.agents as a on a.id = f.agent_id and a.tenant_id = f.tenant_id
     where f.tenant_id = howdah.current_tenant() and ($1::text is null or f.name = $1) order by f.name`,
    [name ?? null],
  );
  return rows;
}

/**
 * Adds a filter. Without places, the filter applies to all but `input`. Throws `HWNTF` for an agent
 * that does not exist, and `HWCNF` for a name that is taken.
 */
export async function addFilter(
  client: Queryable,
  filter: Pick<OutputFilter, 'name' | 'pattern' | 'action'> & {
    agent?: string;
    places?: FilterPlace[];
  },
): Promise<void> {
  const { name, pattern, action, agent = null, places = outgoingPlaces } = filter;
  await client.query(
    `insert into howdah.output_filters (name, pattern, action, places, agent_id)
     values ($1, $2, $3, $4::text[]::howdah.filter_place[], case when $5::text is not null then howdah.agent($5) end)`,
    [name, pattern, action, places, agent],
  );
}

/** Removes a filter. Returns false when no filter has this name. */
export async function removeFilter(client: Queryable, name: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'delete from howdah.output_filters where name = $1 and tenant_id = howdah.current_tenant()',
    [name],
  );
  return rowCount === 1;
}

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
