import { playgroundRun, runAnswer } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { openQuestionsOf } from './answer-view.tsx';
import { useAnswers } from './use-answers.ts';

/** Reads a run, and follows its answer as it is written. */
export function useRunAnswer(id: string) {
  const { data, failure, reload } = useAnswer(playgroundRun, { id });
  const live = useAnswers(runAnswer, id, {
    from: null,
    eventOf: ({ executionEvents }) => executionEvents,
    onNews: reload,
  });
  const run = data?.execution;
  // the events of a run end with it, so a run that is tried again is followed anew
  const restart = () => {
    live.restart();
    reload();
  };
  return {
    run,
    answer: live.answers.get(id),
    /** The first of the open questions of the run. */
    question: run ? openQuestionsOf(run)[0] : undefined,
    isMissing: data !== undefined && !run,
    failure: failure ?? live.failure,
    restart,
  };
}
