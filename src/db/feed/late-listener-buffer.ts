import type { Answering, TokenPiece, TokenSink } from '../../contracts/runs/step.ts';

/** How long who comes late waits for what was said until then, at most. */
const ASK_MS = 300;

type Kept = { id: string; said: string[]; isHeard: boolean; say(text: string): void };

export type LateListenerBuffer = {
  open(answer: Answering): TokenSink;
  close(): void;
};

/** Passes on what is said of an answer, with the place of each piece in it. */
export function withOffsets(
  answer: Answering,
  tell: (piece: TokenPiece) => void,
): (text: string) => void {
  let offset = 0;
  return (text) => {
    tell({ ...answer, offset, text });
    offset += text.length;
  };
}

/**
 * Keeps answers that nobody listened to when they began, for as long as they stream: who comes in the middle of one is told
 * it from its beginning. `watched` gives those of the runs that somebody listens to by now; it is asked for all answers
 * at once, and only while there is something to tell.
 */
export function createLateListenerBuffer(
  watched: (ids: string[]) => Promise<readonly string[]>,
  tell: (piece: TokenPiece) => void,
): LateListenerBuffer {
  const kept = new Set<Kept>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const askLater = (): void => {
    timer ??= isClosed ? undefined : setTimeout(() => void ask(), ASK_MS);
  };
  const ask = async (): Promise<void> => {
    const due = [...kept].filter(({ said }) => said.length > 0);
    const ids = due.map(({ id }) => id);
    const heard = new Set(due.length > 0 ? await watched(ids).catch(() => []) : []);
    for (const entry of due) {
      if (!kept.has(entry) || !heard.has(entry.id)) continue; // it may have ended meanwhile
      kept.delete(entry);
      entry.isHeard = true;
      entry.say(entry.said.join(''));
    }
    timer = undefined;
    if ([...kept].some(({ said }) => said.length > 0)) askLater();
  };
  return {
    open(answer) {
      const say = withOffsets(answer, tell);
      const entry: Kept = { id: answer.execution_id, said: [], isHeard: false, say };
      kept.add(entry);
      return {
        say(text) {
          if (entry.isHeard) return say(text);
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
