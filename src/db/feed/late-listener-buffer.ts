import type { StreamedAnswer, TokenPiece, TokenSink } from '../../contracts/runs/step.ts';

/** The maximum time that a late listener waits for the buffered start of an answer. */
const CHECK_MS = 300;

type BufferedAnswer = { id: string; said: string[]; isHeard: boolean; say(text: string): void };

export type LateListenerBuffer = {
  open(answer: StreamedAnswer): TokenSink;
  close(): void;
};

/** Passes on the text of an answer, with the offset of each piece in the answer. */
export function withOffsets(
  answer: StreamedAnswer,
  tell: (piece: TokenPiece) => void,
): (text: string) => void {
  let offset = 0;
  return (text) => {
    tell({ ...answer, offset, text });
    offset += text.length;
  };
}

/**
 * Buffers answers that had no listener when they started, for as long as they stream. A listener
 * that arrives in the middle of an answer receives the answer from its start. `watched` returns
 * those of the runs that have a listener now. It is called once for all answers, and only while
 * there is text to pass on.
 */
export function createLateListenerBuffer(
  watched: (ids: string[]) => Promise<readonly string[]>,
  tell: (piece: TokenPiece) => void,
): LateListenerBuffer {
  const buffered = new Set<BufferedAnswer>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const checkLater = (): void => {
    timer ??= isClosed ? undefined : setTimeout(() => void check(), CHECK_MS);
  };
  const check = async (): Promise<void> => {
    const due = [...buffered].filter(({ said }) => said.length > 0);
    const ids = due.map(({ id }) => id);
    const heard = new Set(due.length > 0 ? await watched(ids).catch(() => []) : []);
    for (const entry of due) {
      if (!buffered.has(entry) || !heard.has(entry.id)) continue; // its answer may have ended
      buffered.delete(entry);
      entry.isHeard = true;
      entry.say(entry.said.join(''));
    }
    timer = undefined;
    if ([...buffered].some(({ said }) => said.length > 0)) checkLater();
  };
  return {
    open(answer) {
      const say = withOffsets(answer, tell);
      const entry: BufferedAnswer = { id: answer.execution_id, said: [], isHeard: false, say };
      buffered.add(entry);
      return {
        say(text) {
          if (entry.isHeard) return say(text);
          entry.said.push(text);
          checkLater();
        },
        end: () => void buffered.delete(entry),
      };
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
