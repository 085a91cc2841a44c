import type { FunctionTool } from '../../../db/queries/queries.ts';
import type { Json } from '../../../json/json.ts';
import { agents } from '../../../resources/definitions/agents.ts';
import { workflows } from '../../../resources/definitions/workflows.ts';
import type { CommandResource } from '../../../resources/resource.ts';
import { isUuid } from '../../input/resolve-id.ts';
import type { DefinitionBackend, Row } from '../backend.ts';
import type { Api } from '../connect-server.ts';
import { listing } from '../listing.ts';
import { allRows, type Page } from '../pages.ts';
import { toolRowsOf } from '../tool-rows.ts';
import { nameColumnOf, onlyRow, unknownName } from '../unknown-name.ts';
import { withDates } from '../with-dates.ts';

/** A row as REST returns it. */
type RestRow = Row & { id: string };

/** Creates the `DefinitionBackend` of a server. */
export function createServerDefinitions(api: Api): DefinitionBackend {
  const request = async (method: 'POST' | 'PATCH', path: string, body: Row) =>
    withDates((await api.request(method, path, body as Json)) as unknown as RestRow);
  return {
    list: async (resource) => listing(resource, await listDefinitions(api, resource)),
    async listToolsOf(agent) {
      const path = `/tools?${new URLSearchParams({ agent, limit: '1' })}`;
      const { offered } = (await api.request('GET', path)) as unknown as {
        offered: FunctionTool[];
      };
      return toolRowsOf(offered);
    },
    async lookUp(resource, name) {
      const found = await lookUpDefinition(api, resource, name);
      return found && withDates(found);
    },
    find: async (resource, name) => withDates(await requireDefinition(api, resource, name)),
    create: (resource, values) => request('POST', resource.path, values),
    async change(resource, name, values) {
      const { id } = await requireDefinition(api, resource, name);
      return request('PATCH', `${resource.path}/${id}`, values);
    },
    async delete(resource, name, isWanted) {
      const found = await requireDefinition(api, resource, name);
      if (!(await isWanted())) return undefined;
      await api.request('DELETE', `${resource.path}/${found.id}`);
      return withDates(found);
    },
  };
}

/** Reads all rows, or the rows that match `query`, sorted by name. */
export async function listDefinitions(
  api: Api,
  resource: CommandResource,
  query: Record<string, string> = {},
): Promise<RestRow[]> {
  const name = nameColumnOf(resource);
  const rows = await allRows(async ({ limit, ...page }) => {
    const search = new URLSearchParams({ ...query, limit: String(limit), ...page });
    return (await api.request('GET', `${resource.path}?${search}`)) as unknown as Page<RestRow>;
  });
  return rows.toSorted((a, b) => String(a[name]).localeCompare(String(b[name])));
}

/** Returns the row of this name or id. Throws `HWNTF` with the names that may have been meant. */
export async function requireDefinition(
  api: Api,
  resource: CommandResource,
  name: string,
): Promise<RestRow> {
  const found = await lookUpDefinition(api, resource, name);
  if (found) return found;
  const column = nameColumnOf(resource);
  const names = (await listDefinitions(api, resource)).map((row) => String(row[column]));
  throw unknownName(resource, name, names);
}

async function lookUpDefinition(
  api: Api,
  resource: CommandResource,
  name: string,
): Promise<RestRow | undefined> {
  const column = nameColumnOf(resource);
  const rows = column === 'id' ? [] : await listDefinitions(api, resource, { [column]: name });
  const found = onlyRow(resource, name, rows);
  if (found) return found;
  return isUuid(name) ? findById(api, resource, name.toLowerCase()) : undefined;
}

async function findById(
  api: Api,
  { path }: CommandResource,
  id: string,
): Promise<RestRow | undefined> {
  try {
    return (await api.request('GET', `${path}/${id}`)) as unknown as RestRow;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'HWNTF') return undefined;
    throw error;
  }
}

/** Returns the ids of an agent and a workflow for a query, as far as they are named. */
export async function idsOf(
  api: Api,
  { agent, workflow }: { agent?: string | undefined; workflow?: string | undefined },
): Promise<{ agent_id?: string; workflow_id?: string }> {
  return {
    ...(agent !== undefined && { agent_id: (await requireDefinition(api, agents, agent)).id }),
    ...(workflow !== undefined && {
      workflow_id: (await requireDefinition(api, workflows, workflow)).id,
    }),
  };
}
