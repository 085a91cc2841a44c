import type { Watching } from '../../db/access/subjects.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import { runStatus } from '../../db/mcp/offered-tools.ts';
import { queriesWithin } from '../../db/queries/queries.ts';
import { questionsInTheWay } from '../../db/queries/questions.ts';
import type { RunEvent } from '../../mcp-server/caller.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { FeedQueue } from '../feed/feed-queue.ts';
import type { VisibilityGuard } from '../graphql/subscriptions/visibility-guard.ts';
import { FRESH_MS } from '../login/cached-loader.ts';

/**
 * Number of checks of the caller per read of the questions, while the run waits. The questions are
 * read repeatedly, because a question of a run below changes nothing in the run itself.
 */
const LOOKS = 2;

export type FollowOptions = {
  hub: FeedHub;
  sight: VisibilityGuard;
  watching: Omit<Watching, 'id'>;
  transact<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /** Rejects when the caller has lost access. */
  stillGood(): Promise<void>;
  /** Returns the error that ends the events when the caller may no longer see the run. */
  gone(id: string): Error;
};

/**
 * Follows the steps, the questions and the end of a run, from the feed of this process, for as long
 * as the caller may see them.
 */
export async function* followMcpRun(
  { hub, sight: visibility, watching, transact, stillGood, gone }: FollowOptions,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const events = new FeedQueue<RunEvent | { type: 'failed'; error: unknown }>({ onClose() {} });
  const fail = (error: unknown) => events.push({ type: 'failed', error });
  const seen = <T>(source: AsyncIterableIterator<T>) =>
    visibility.whileVisible(source, { ...watching, id }, () => gone(id));
  const steps = seen(hub.steps(id, 0));
  const states = seen(hub.states(id));
  const look = createLook(id, transact, (event) => events.push(event));
  const deaf = hub.onUnanswered(({ execution_id, question_id: question, fault }) => {
    if (execution_id === id) events.push({ type: 'unanswered', question, fault });
  });
  const noteless = hub.notes.follow(id, (note) => events.push({ type: 'note', note }));
  let isWaiting = false;
  let looks = 0;
  const lookAgain = async () => {
    await stillGood();
    looks += 1;
    if (isWaiting && looks % LOOKS === 0) await look();
  };
  const timer = setInterval(() => lookAgain().catch(fail), FRESH_MS);
  const end = () => events.end();
  signal.addEventListener('abort', end, { once: true });
  const tellSteps = async () => {
    for await (const { seq, step } of steps) {
      const name = typeof step.name === 'string' ? step.name : null;
      events.push({ type: 'step', seq, kind: String(step.kind), name, error: step.error ?? null });
    }
  };
  const tellStates = async () => {
    for await (const { status } of states) {
      isWaiting = status === 'waiting';
      if (isWaiting) await look();
    }
  };
  Promise.all([tellSteps(), tellStates()]).then(() => events.push({ type: 'end' }), fail);
  if (signal.aborted) end();
  try {
    for await (const event of events) {
      if (event.type === 'failed') throw event.error;
      yield event;
      if (event.type === 'end') return;
    }
  } finally {
    clearInterval(timer);
    deaf();
    noteless();
    signal.removeEventListener('abort', end);
    await Promise.all([steps.return?.(), states.return?.()]);
  }
}

/**
 * Returns a function that reads what the run waits for. Only one read runs at a time. Each question
 * is reported once.
 */
function createLook(
  id: string,
  transact: FollowOptions['transact'],
  tell: (event: RunEvent) => void,
): () => Promise<void> {
  const reported = new Set<string>();
  let underWay: Promise<void> | undefined;
  const look = async () => {
    const { stand, questions } = await transact(async (client) => {
      const now = await runStatus(client, id);
      const isWaiting = now?.status === 'waiting';
      const open = isWaiting ? await questionsInTheWay(queriesWithin(client), id) : [];
      return { stand: now, questions: open.filter((question) => !reported.has(question.id)) };
    });
    for (const question of questions) reported.add(question.id);
    if (questions.length > 0) tell({ type: 'questions', questions });
    if (stand?.waiting_for !== 'quota' || reported.has(id)) return;
    reported.add(id);
    tell({ type: 'limited' });
  };
  return () => {
    underWay ??= look().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
