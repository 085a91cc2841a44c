import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { messages } from '../../messages/messages.ts';
import type { Failure } from '../failure.ts';
import { applyListEvent, type FollowedList, isShort, startList } from '../list-events.ts';
import { openQuestions, type QuestionLine, questionsFeed } from '../operations.generated.ts';
import { useAnswer } from '../use-answer.ts';
import { useLive } from '../use-live.ts';

/** The number of questions that are followed. More are counted as this many. */
const MAX_QUESTIONS = 100;

type OpenQuestions = {
  questions: readonly QuestionLine[];
  isLoading: boolean;
  failure: Failure | undefined;
};

const Context = createContext<OpenQuestions>({
  questions: [],
  isLoading: true,
  failure: undefined,
});

/** Follows the open questions for the whole console: for the inbox and for the count in titles. */
export function OpenQuestionsProvider({ children }: { children: ReactNode }) {
  const { data, failure, isLoading } = useAnswer(openQuestions, { first: MAX_QUESTIONS });
  const [list, setList] = useState<FollowedList<QuestionLine>>();
  const { restart } = useLive(
    questionsFeed,
    { first: MAX_QUESTIONS },
    {
      onStart: () => setList(startList),
      onEvent({ questionsFeed: event }) {
        if (!event) return;
        const { kind, questions, removedIds } = event;
        const news = { kind, rows: questions, removedIds };
        setList((last = startList<QuestionLine>(undefined)) =>
          applyListEvent(last, news, MAX_QUESTIONS),
        );
      },
    },
  );
  const needsMore = isShort(list, MAX_QUESTIONS);
  useEffect(() => {
    if (needsMore) restart();
  }, [needsMore, restart]);
  const loaded = data?.questions?.nodes.filter((one) => one !== null) ?? [];
  const isFollowed = list?.isComplete ?? false;
  const questions = list?.isComplete ? list.rows : loaded;
  return (
    <Context.Provider value={{ questions, isLoading: isLoading && !isFollowed, failure }}>
      {children}
    </Context.Provider>
  );
}

/** Returns the open questions, the newest first. */
export function useOpenQuestions(): OpenQuestions {
  return useContext(Context);
}

/** Returns the name of what asks: an agent or a workflow. */
export function askerOf({ execution }: Pick<QuestionLine, 'execution'>): string {
  return execution?.agent?.name ?? execution?.workflow?.name ?? messages.common.none;
}
