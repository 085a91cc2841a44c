import { callRest, type RestAnswer } from '../server/rest.ts';
import { useRequest } from '../server/use-request.ts';
import type { ResourceType } from './resource-types.ts';

/** Reads the types of all rows, once: they are the same for everybody. */
export function useResourceTypes() {
  const { data, ...rest } = useRequest('resource-types', async () => {
    known ??= callRest<{ data: ResourceType[] }>('/api/resource-types');
    known.catch(() => {
      known = undefined;
    });
    return (await known).body.data;
  });
  return { ...rest, types: data };
}
let known: Promise<RestAnswer<{ data: ResourceType[] }>> | undefined;
