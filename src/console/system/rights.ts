import { useMe } from '../server/me.tsx';

/** Returns whether the person is an admin or an owner, who see what belongs to the whole tenant. */
export function useIsAdmin(): boolean {
  const { role } = useMe();
  return role === 'admin' || role === 'owner';
}

/** Returns whether the person may read rows of a table that not everybody may read. */
export function useMayRead(table: string): boolean {
  return useMe().permissions.has(`${table}:read`);
}
