import type { TokenPiece, TokenSink } from '../contracts/step.ts';

/** How long who comes late waits for what was said until then, at most. */
const ASK_MS = 300;

type Answer = Omit<TokenPiece, 'text'>;
type Kept = { answer: Answer; said: string[]; isHeard: boolean };

export type Unheard = {
  open(answer: Answer): TokenSink;
  close(): void;
};

/**
 * Keeps answers that nobody listened to when they began, for as long as they stream: who comes in the middle of one is told
 * it from its beginning. `watched` gives those of the runs that somebody listens to by now; it is asked for all answers
 * at once, and only while there is something to tell.
 */
export function keepUnheard(
  watched: (ids: string[]) => Promise<readonly string[]>,
  tell: (piece: TokenPiece) => void,
): Unheard {
  const kept = new Set<Kept>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const askLater = (): void => {
    timer ??= isClosed ? undefined : setTimeout(() => void ask(), ASK_MS);
  };
  const ask = async (): Promise<void> => {
    const due = [...kept].filter(({ said }) => said.length > 0);
    const ids = due.map(({ answer }) => answer.execution_id);
    const heard = new Set(due.length > 0 ? await watched(ids).catch(() => []) : []);
    for (const entry of due) {
      if (!kept.has(entry) || !heard.has(entry.answer.execution_id)) continue; // it may have ended meanwhile
      kept.delete(entry);
      entry.isHeard = true;
      tell({ ...entry.answer, text: entry.said.join('') });
    }
    timer = undefined;
    if ([...kept].some(({ said }) => said.length > 0)) askLater();
  };
  return {
    open(answer) {
      const entry: Kept = { answer, said: [], isHeard: false };
      kept.add(entry);
      return {
        say(text) {
          if (entry.isHeard) return tell({ ...answer, text });
          entry.said.push(text);
          askLater();
        },
        end: () => void kept.delete(entry),
      };
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
