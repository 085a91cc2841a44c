import type { JsonObject } from '../../../json/json.ts';
import { callRest } from '../../server/rest.ts';
import { useRequest } from '../../server/use-request.ts';
import { nameOf, type ResourceType, titleFieldsOf } from '../resource-types.ts';

/** A row of another kind, by its id. */
export type Reference = { resource: string; id: string };

/** Returns the name of a row, or undefined while it is unknown. */
export type RowNames = (reference: Reference) => string | undefined;

/** Rows of one kind that are read at once. Those beyond them are read one by one. */
const PAGE = 200;

const keyOf = ({ resource, id }: Reference) => `${resource} ${id}`;

/**
 * Reads the names of the rows that a list refers to, with a request for each kind. Rows that the
 * person may not see have no name.
 */
export function useRowNames(
  types: readonly ResourceType[] | undefined,
  references: readonly Reference[],
): RowNames {
  const keys = [...new Set(references.map(keyOf))].sort();
  const { data } = useRequest(types ? keys.join('\n') : '', () =>
    readNames(types ?? [], references),
  );
  return (reference) => data?.get(keyOf(reference));
}

async function readNames(types: readonly ResourceType[], references: readonly Reference[]) {
  const names = new Map<string, string>();
  const kinds = Map.groupBy(references, ({ resource }) => resource);
  const readKind = async ([resource, own]: [string, Reference[]]) => {
    const type = types.find(({ name }) => name === resource);
    if (!type || titleFieldsOf(type).includes('id')) return; // they have no other name
    const add = (row: JsonObject) =>
      names.set(keyOf({ resource, id: String(row.id) }), nameOf(type, row));
    const isMissing = (id: string) => !names.has(keyOf({ resource, id }));
    const ids = [...new Set(own.map(({ id }) => id))];
    if (ids.length > 1) for (const row of await readPage(type)) add(row);
    await Promise.all(
      ids.filter(isMissing).map(async (id) => {
        const row = await readRow(type, id);
        if (row) add(row);
      }),
    );
  };
  await Promise.all([...kinds].map(readKind));
  return names;
}

async function readPage({ path }: ResourceType): Promise<JsonObject[]> {
  try {
    return (await callRest<{ data: JsonObject[] }>(`${path}?limit=${PAGE}`)).body.data;
  } catch {
    return []; // the role may not list them
  }
}

async function readRow({ path }: ResourceType, id: string): Promise<JsonObject | undefined> {
  try {
    return (await callRest<JsonObject>(`${path}/${id}`)).body;
  } catch {
    return undefined; // deleted meanwhile, or hidden from the person
  }
}
