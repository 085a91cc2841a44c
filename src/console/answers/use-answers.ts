import { useRef, useState } from 'react';
import { PASSING_EVENTS, useNews } from '../parts/use-news.ts';
import type { Failure } from '../server/failure.ts';
import type { Operation } from '../server/operation.ts';
import type { AnswerEvent } from '../server/operations.generated.ts';
import { useLive } from '../server/use-live.ts';
import { type Answers, applyEvent } from './answers.ts';

type Variables = { id: string; after?: string | null };
type Options<Result> = {
  /** The start of the stream: a cursor, or null for the beginning. Undefined waits. */
  from: string | null | undefined;
  eventOf(result: Result): AnswerEvent | null;
  /** Is called after events that changed rows, at most four times a second. */
  onNews(): void;
};

/**
 * Follows the answers of a session or of a run. After a lost connection and after the tab was
 * hidden, the stream goes on; what it repeats is applied once, so no text is lost or doubled.
 */
export function useAnswers<Result>(
  operation: Operation<Result, Variables>,
  id: string,
  { from, eventOf, onNews }: Options<Result>,
): { answers: Answers; failure: Failure | undefined; restart(): void } {
  const [answers, setAnswers] = useState<Answers>(new Map());
  const place = useRef<{ from: string | null; last: string }>(undefined);
  const hasStarted = useRef(false);
  const gather = useNews(onNews);
  const { failure, restart } = useLive(
    operation,
    from === undefined ? undefined : { id, after: from },
    {
      onStart() {
        if (hasStarted.current) gather();
        hasStarted.current = true;
      },
      resume: () =>
        place.current?.from === from && place.current ? { after: place.current.last } : {},
      onEvent(result) {
        const event = eventOf(result);
        if (!event || from === undefined) return;
        if (event.cursor !== null) place.current = { from, last: event.cursor };
        setAnswers((last) => applyEvent(last, event));
        if (!PASSING_EVENTS.includes(event.event)) gather();
      },
    },
  );
  return { answers, failure, restart };
}
