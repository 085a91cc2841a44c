import { useAction } from '../parts/use-action.ts';
import { request } from '../server/graphql.ts';
import type { Operation } from '../server/operation.ts';

/** Sends an operation once at a time, and keeps why the last one was rejected. */
export function useSend(answered: () => void) {
  const { start, ...state } = useAction(
    async (operation: Operation<unknown, unknown>, variables: unknown) => {
      await request(operation, variables);
      answered();
    },
  );
  const send = <Result, Variables>(operation: Operation<Result, Variables>, variables: Variables) =>
    start(operation as Operation<unknown, unknown>, variables);
  return { send, ...state };
}
