import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { writePermissions } from '../../contracts/write-permissions.generated.ts';
import type { LoginCheck } from './operations.generated.ts';

/** The person as the server knows them. */
export type Me = {
  username: string | undefined;
  role: string | undefined;
  tenant: string | undefined;
  /** The permissions of the person, as `table:action`. */
  permissions: ReadonlySet<string>;
};

type Answered = LoginCheck['me'];

const NOBODY: Me = {
  ...{ username: undefined, role: undefined, tenant: undefined },
  permissions: new Set(),
};
const Context = createContext<Me>(NOBODY);

/** Tells the places who the person is. */
export function MeProvider({ me, children }: { me: Answered; children: ReactNode }) {
  const value = useMemo(
    () => ({
      username: me?.username ?? undefined,
      role: me?.role ?? undefined,
      tenant: me?.tenant ?? undefined,
      permissions: new Set(me?.permissions?.filter((one) => one !== null)),
    }),
    [me],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** Returns who the person is. */
export function useMe(): Me {
  return useContext(Context);
}

/** Returns whether the person may write rows of a table, such as `executions`. */
export function useMayWrite(table: string): boolean {
  const { permissions } = useMe();
  const actions = writePermissions[table];
  return actions?.every((action) => permissions.has(`${table}:${action}`)) ?? false;
}
