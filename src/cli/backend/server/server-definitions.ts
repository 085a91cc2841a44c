import type { FunctionTool } from '../../../db/queries/queries.ts';
import type { Json } from '../../../json/json.ts';
import { isUuid } from '../../input/resolve-id.ts';
import { shortenRow } from '../../print/rows.ts';
import type { DefinitionBackend, NewDefinition, Row } from '../backend.ts';
import type { Api } from '../connect.ts';
import { AGENTS, type DefinitionKind, unknownName, WORKFLOWS } from '../definition-kinds.ts';
import { toolRowsOf } from '../tool-rows.ts';
import { allRows, type Page } from './pages.ts';

/** A row as REST returns it. */
type RestRow = Row & { id: string };

/** Creates the `DefinitionBackend` of a server. The kind determines the columns of a table. */
export function createServerDefinitions(api: Api): DefinitionBackend {
  return {
    async list(named) {
      const items = await listDefinitions(api, named);
      return {
        items,
        rows: items.map((row) => shortenRow(row, named.columns)),
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
    find: (named, name) => requireDefinition(api, named, name),
    async create({ restPath = '' }, definition) {
      const { values, ...names } = definition;
      const body = { ...values, ...(await idsOf(api, names)) } as Json;
      return (await api.request('POST', restPath, body)) as unknown as RestRow;
    },
    async delete(named, name, isWanted) {
      const found = await requireDefinition(api, named, name);
      if (!(await isWanted())) return undefined;
      await api.request('DELETE', `${named.restPath}/${found.id}`);
      return found;
    },
  };
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
  const { nameColumn = 'name', restPath } = named;
  const [found] = await listDefinitions(api, named, { [nameColumn]: name });
  if (found) return found;
  if (isUuid(name)) {
    return (await api.request('GET', `${restPath}/${name.toLowerCase()}`)) as unknown as RestRow;
  }
  const names = (await listDefinitions(api, named)).map((row) => String(row[nameColumn]));
  throw unknownName(named, name, names);
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
