import { useAction } from '../parts/use-action.ts';
import { callRest } from '../server/rest.ts';

/** Sends a request once at a time, and keeps why the last one failed. */
export function useCall(done: () => void) {
  const { start, ...state } = useAction(
    async (path: string, request: Parameters<typeof callRest>[1]) => {
      await callRest(path, request);
      done();
    },
  );
  return { call: start, ...state };
}
