/** One query at a time: what is asked meanwhile is asked together, on one connection. Each answer is younger than its question. */
export function together<Q, A>(
  ask: (questions: Q[]) => Promise<readonly A[]>,
): (question: Q) => Promise<A> {
  let batch: { questions: Q[]; answers: Promise<readonly A[]> } | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  const send = async (questions: Q[]) => {
    await underWay;
    batch = undefined;
    const answers = ask(questions);
    underWay = answers.catch(() => {});
    return answers;
  };
  return async (question) => {
    const questions: Q[] = batch?.questions ?? [];
    batch ??= { questions, answers: send(questions) };
    const place = questions.push(question) - 1;
    return (await batch.answers)[place] as A;
  };
}
