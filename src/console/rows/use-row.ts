import type { JsonObject } from '../../json/json.ts';
import { type RestAnswer, useRest } from '../server/rest.ts';
import { isId } from './paths.ts';
import type { ResourceType } from './resource-types.ts';

/** Reads a row by its id, or first finds the id by its name. */
export function useRow({ path, name_field, filters }: ResourceType, idOrName: string) {
  const canFind = filters.some(({ name }) => name === name_field);
  const query = new URLSearchParams({ [name_field]: idOrName, limit: '1' });
  const found = useRest<{ data: JsonObject[] }>(
    isId(idOrName) || !canFind ? undefined : `${path}?${query}`,
  );
  const id = isId(idOrName) ? idOrName : found.data?.body.data[0]?.id;
  const row = useRest<JsonObject>(id === undefined ? undefined : `${path}/${id}`);
  return {
    row: row.data as RestAnswer<JsonObject> | undefined,
    failure: found.failure ?? row.failure,
    isLoading: found.isLoading || row.isLoading,
    reload: id === undefined ? found.reload : row.reload,
  };
}
