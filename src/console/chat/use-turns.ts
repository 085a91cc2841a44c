import { useCallback, useEffect, useRef, useState } from 'react';
import { type Failure, toFailure } from '../server/failure.ts';
import { ask } from '../server/graphql.ts';
import { type AnswerRun, newestTurns, turnsFrom } from '../server/operations.generated.ts';

/** Turns that are loaded at once. */
const PAGE = 10;
/** Turns that are read again after a change: the loaded ones and those that began since. */
const MOST = 200;
const NO_TURN = 2_147_483_647;

type Loaded = { turns: readonly AnswerRun[]; hasEarlier: boolean };

/** The turns of a conversation, the oldest first. */
export type Turns = {
  turns: readonly AnswerRun[] | undefined;
  hasEarlier: boolean;
  failure: Failure | undefined;
  loadEarlier(): Promise<void>;
  /** Reads the loaded turns again, and those that began since. */
  reload(): Promise<void>;
};

/** Loads the newest turns of a session, and earlier ones on request. */
export function useTurns(sessionId: string): Turns {
  const [loaded, setLoaded] = useState<Loaded>();
  const [failure, setFailure] = useState<Failure>();
  const current = useRef<Loaded>(undefined);
  const load = useCallback(async (read: () => Promise<Loaded>) => {
    try {
      current.current = await read();
      setLoaded(current.current);
      setFailure(undefined);
    } catch (error) {
      setFailure(toFailure(error));
    }
  }, []);
  const reload = useCallback(
    () =>
      load(async () => {
        const first = current.current?.turns[0]?.turn;
        if (typeof first !== 'number') return readBefore(sessionId, NO_TURN);
        const read = await ask(turnsFrom, { id: sessionId, from: first, first: MOST });
        const turns = read.executions?.nodes.filter((one) => one !== null) ?? [];
        // earlier turns may have been loaded meanwhile
        const earlier = current.current?.turns.filter((one) => (one.turn ?? 0) < first) ?? [];
        return { turns: [...earlier, ...turns], hasEarlier: current.current?.hasEarlier ?? false };
      }),
    [load, sessionId],
  );
  const loadEarlier = () =>
    load(async () => {
      const first = current.current?.turns[0]?.turn ?? NO_TURN;
      const page = await readBefore(sessionId, first);
      const known = current.current?.turns.filter((one) => (one.turn ?? 0) >= first) ?? [];
      return { turns: [...page.turns, ...known], hasEarlier: page.hasEarlier };
    });
  useEffect(() => void reload(), [reload]);
  const { turns, hasEarlier = false } = loaded ?? {};
  return { turns, hasEarlier, failure, loadEarlier, reload };
}

async function readBefore(sessionId: string, before: number): Promise<Loaded> {
  const { executions } = await ask(newestTurns, { id: sessionId, before, first: PAGE });
  const turns = executions?.nodes.filter((one) => one !== null) ?? [];
  return { turns: turns.toReversed(), hasEarlier: executions?.pageInfo.hasNextPage ?? false };
}
