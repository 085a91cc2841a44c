import type { FunctionTool } from '../../../db/queries/queries.ts';
import type { Json } from '../../../json/json.ts';
import { isUuid } from '../../input/resolve-id.ts';
import { shortenRow } from '../../print/rows.ts';
import type { DefinitionBackend, NewDefinition, Row } from '../backend.ts';
import type { Api } from '../connect-server.ts';
import { AGENTS, type DefinitionKind, unknownName, WORKFLOWS } from '../definition-kinds.ts';
import { toolRowsOf } from '../tool-rows.ts';
import { withDates } from '../with-dates.ts';
import { allRows, type Page } from './pages.ts';

/** A row as REST returns it. */
type RestRow = Row & { id: string };

/** Creates the `DefinitionBackend` of a server. The kind determines the columns of a table. */
export function createServerDefinitions(api: Api): DefinitionBackend {
  return {
    async list(named) {
      const { columns, details } = named;
      const found = await listDefinitions(api, named);
      const items = details === undefined ? found : found.map((row) => pick(row, columns));
      return {
        items,
        rows: items.map((row) => shortenRow(row, columns)),
        empty: named.emptyMessage,
      };
    },
    async listToolsOf(agent) {
      const path = `/tools?${new URLSearchParams({ agent, limit: '1' })}`;
      const { offered } = (await api.request('GET', path)) as unknown as {
        offered: FunctionTool[];
      };
      return toolRowsOf(offered);
    },
    find: async (named, name) => shownRow(named, await requireDefinition(api, named, name)),
    async create(named, definition) {
      const { values, ...names } = definition;
      const body = { ...values, ...(await idsOf(api, names)) } as Json;
      const made = await api.request('POST', named.restPath ?? '', body);
      return shownRow(named, made as unknown as RestRow);
    },
    async change(named, name, values) {
      const { id } = await requireDefinition(api, named, name);
      const changed = await api.request('PATCH', `${named.restPath}/${id}`, values as Json);
      return shownRow(named, changed as unknown as RestRow);
    },
    async delete(named, name, isWanted) {
      const found = await requireDefinition(api, named, name);
      if (!(await isWanted())) return undefined;
      await api.request('DELETE', `${named.restPath}/${found.id}`);
      return shownRow(named, found);
    },
  };
}

/** Returns a row in the form of the database, if the kind names its columns. */
function shownRow({ columns = [], details }: DefinitionKind, row: RestRow): RestRow {
  return details === undefined ? row : pick(row, [...columns, ...details]);
}

function pick(row: RestRow, columns: readonly string[] = []): RestRow {
  const dated: Row = withDates(row);
  return Object.fromEntries(columns.map((name) => [name, dated[name]])) as RestRow;
}

/** Reads all rows, or the rows that match `query`, sorted by name. */
export async function listDefinitions(
  api: Api,
  { restPath, nameColumn = 'name' }: DefinitionKind,
  query: Record<string, string> = {},
): Promise<RestRow[]> {
  const rows = await allRows(async ({ limit, ...page }) => {
    const search = new URLSearchParams({ ...query, limit: String(limit), ...page });
    return (await api.request('GET', `${restPath}?${search}`)) as unknown as Page<RestRow>;
  });
  return rows.toSorted((a, b) => String(a[nameColumn]).localeCompare(String(b[nameColumn])));
}

/** Returns the row of this name or id. Throws `HWNTF` with the names that may have been meant. */
export async function requireDefinition(
  api: Api,
  named: DefinitionKind,
  name: string,
): Promise<RestRow> {
  const { nameColumn = 'name' } = named;
  const isNamedById = nameColumn === 'id';
  const [found] = isNamedById ? [] : await listDefinitions(api, named, { [nameColumn]: name });
  if (found) return found;
  const sameId = isUuid(name) ? await findById(api, named, name.toLowerCase()) : undefined;
  if (sameId) return sameId;
  const names = (await listDefinitions(api, named)).map((row) => String(row[nameColumn]));
  throw unknownName(named, name, names);
}

async function findById(
  api: Api,
  { restPath }: DefinitionKind,
  id: string,
): Promise<RestRow | undefined> {
  try {
    return (await api.request('GET', `${restPath}/${id}`)) as unknown as RestRow;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'HWNTF') return undefined;
    throw error;
  }
}

/** Returns the ids of an agent and a workflow for a query or a row, as far as they are named. */
export async function idsOf(
  api: Api,
  { agent, workflow }: Pick<NewDefinition, 'agent' | 'workflow'>,
): Promise<{ agent_id?: string; workflow_id?: string }> {
  return {
    ...(agent !== undefined && { agent_id: (await requireDefinition(api, AGENTS, agent)).id }),
    ...(workflow !== undefined && {
      workflow_id: (await requireDefinition(api, WORKFLOWS, workflow)).id,
    }),
  };
}
