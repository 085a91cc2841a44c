import type { Json, JsonObject } from '../../json/json.ts';
import { useMayWrite, useMe } from '../server/me.tsx';
import { callRest, listAll } from '../server/rest.ts';
import { useRequest } from '../server/use-request.ts';
import type { View } from './view-query.ts';

const PATH = '/api/saved-views';

/** Reads the views of a place that the person sees: their own, and those that others share. */
export function useViews(place: string) {
  const path = `${PATH}?place=${place}&limit=200`;
  const { data, failure, reload } = useRequest(path, () => listAll<View>(path));
  const { username = null } = useMe();
  const views = (data ?? []).toSorted((a, b) => a.name.localeCompare(b.name));
  const { own = [], shared = [] } = Object.groupBy(views, ({ saved_by }) =>
    saved_by === username ? 'own' : 'shared',
  );
  return { own, shared, failure, reload };
}

/** Returns whether the person may save views, and which of them they may change. */
export function useViewRights() {
  const maySave = useMayWrite('saved_views');
  const { username = null, role = '' } = useMe();
  return {
    maySave,
    mayChange: ({ saved_by }: View) =>
      maySave && (saved_by === username || ['owner', 'admin'].includes(role)),
  };
}

/** Saves a filter as a view. Throws a `Failure`. */
export async function saveView(body: {
  name: string;
  place: string;
  filter: JsonObject;
  is_shared: boolean;
}): Promise<void> {
  await callRest(PATH, { method: 'POST', body });
}

/** Changes the name of a view, or with whom it is shared. Throws a `Failure`. */
export async function changeView(id: string, body: { [field: string]: Json }): Promise<void> {
  await callRest(`${PATH}/${id}`, { method: 'PATCH', body });
}

/** Deletes a view. Throws a `Failure`. */
export async function deleteView(id: string): Promise<void> {
  await callRest(`${PATH}/${id}`, { method: 'DELETE' });
}
