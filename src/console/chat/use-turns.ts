import { useCallback, useEffect, useRef, useState } from 'react';
import { type Failure, toFailure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { type AnswerRun, newestTurns, turnsFrom } from '../server/operations.generated.ts';

/** Turns that are loaded at once. */
const PAGE = 10;
/** Turns that one request reads again after a change. */
const MAX_TURNS = 200;
const NO_TURN = 2_147_483_647;

type Loaded = { turns: readonly AnswerRun[]; hasEarlier: boolean };

/** The turns of a conversation, the oldest first. */
export type Turns = {
  turns: readonly AnswerRun[] | undefined;
  hasEarlier: boolean;
  failure: Failure | undefined;
  /** Does again what failed. */
  retry(): void;
  loadEarlier(): Promise<void>;
  /** Reads the loaded turns again, and those that began since. */
  reload(): Promise<void>;
};

/** Reads turns, and returns how they change what is loaded by then. */
type Read = () => Promise<(last: Loaded | undefined) => Loaded | undefined>;

/** Loads the newest turns of a session, and earlier ones on request. */
export function useTurns(sessionId: string): Turns {
  const [loaded, setLoaded] = useState<Loaded>();
  const [failed, setFailed] = useState<{ failure: Failure; retry(): void }>();
  const current = useRef<Loaded>(undefined);
  const started = useRef(0);
  const applied = useRef(0);
  const load = useCallback(async (read: Read): Promise<void> => {
    try {
      const change = await read();
      current.current = change(current.current);
      setLoaded(current.current);
      setFailed(undefined);
    } catch (error) {
      setFailed({ failure: toFailure(error), retry: () => void load(read) });
    }
  }, []);
  const reload = useCallback(
    () =>
      load(async () => {
        const place = ++started.current;
        const read = await readAgain(sessionId, current.current?.turns[0]?.turn);
        return (last) => {
          // an older answer may arrive after a newer one
          if (place < applied.current) return last;
          applied.current = place;
          return withNewest(last, read);
        };
      }),
    [load, sessionId],
  );
  const loadEarlier = () =>
    load(async () => {
      const first = current.current?.turns[0]?.turn ?? NO_TURN;
      const page = await readBefore(sessionId, first);
      return (last) => withEarlier(last, page, first);
    });
  useEffect(() => void reload(), [reload]);
  const { turns, hasEarlier = false } = loaded ?? {};
  const { failure, retry = () => {} } = failed ?? {};
  return { turns, hasEarlier, failure, retry, loadEarlier, reload };
}

/** Puts turns that were read again in place of the loaded ones. Earlier ones stay. */
function withNewest(last: Loaded | undefined, read: Loaded): Loaded {
  const first = read.turns[0]?.turn;
  const earlier = last?.turns.filter((one) => (one.turn ?? 0) < (first ?? 0)) ?? [];
  const { hasEarlier } = last && last.turns.length > 0 ? last : read;
  return { turns: [...earlier, ...read.turns], hasEarlier };
}

/** Adds a page of turns before `first`, unless a request beside it has added them. */
function withEarlier(last: Loaded | undefined, page: Loaded, first: number): Loaded {
  if (last && (last.turns[0]?.turn ?? NO_TURN) < first) return last;
  return { turns: [...page.turns, ...(last?.turns ?? [])], hasEarlier: page.hasEarlier };
}

/** Reads the turns from `first` on, or the newest ones if none is loaded. */
async function readAgain(sessionId: string, first: number | null | undefined): Promise<Loaded> {
  if (typeof first !== 'number') return readBefore(sessionId, NO_TURN);
  const turns: AnswerRun[] = [];
  for (let from: number | undefined = first; from !== undefined; ) {
    const { executions } = await request(turnsFrom, { id: sessionId, from, first: MAX_TURNS });
    const page: AnswerRun[] = executions?.nodes.filter((one) => one !== null) ?? [];
    turns.push(...page);
    const end: number | null | undefined = page.at(-1)?.turn;
    from = page.length === MAX_TURNS && typeof end === 'number' ? end + 1 : undefined;
  }
  return { turns, hasEarlier: false };
}

async function readBefore(sessionId: string, before: number): Promise<Loaded> {
  const { executions } = await request(newestTurns, { id: sessionId, before, first: PAGE });
  const turns = executions?.nodes.filter((one) => one !== null) ?? [];
  return { turns: turns.toReversed(), hasEarlier: executions?.pageInfo.hasNextPage ?? false };
}
