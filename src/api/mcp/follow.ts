import type { Watching } from '../../db/access/subjects.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import { standOf } from '../../db/mcp/offered-tools.ts';
import { queriesWithin } from '../../db/queries/queries.ts';
import { questionsInTheWay } from '../../db/queries/questions.ts';
import type { RunEvent } from '../../mcp-server/caller.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { FeedQueue } from '../feed/feed-queue.ts';
import type { VisibilityGuard } from '../graphql/subscriptions/visibility-guard.ts';
import { FRESH_MS } from '../login/cached-loader.ts';

/** What is asked by a run below changes nothing of the run itself: while it waits, every so many looks at the caller that is looked for. */
const LOOKS = 2;

export type FollowOptions = {
  hub: FeedHub;
  sight: VisibilityGuard;
  watching: Omit<Watching, 'id'>;
  transact<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /** Rejects when the caller may not ask any more. */
  stillGood(): Promise<void>;
  /** With what a run ends that he may not see any more. */
  gone(id: string): Error;
};

/** The steps of a run, what it asks, and its end, from the feed of this process, for as long as the caller may see them. */
export async function* followMcpRun(
  { hub, sight, watching, transact, stillGood, gone }: FollowOptions,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const events = new FeedQueue<RunEvent | { type: 'failed'; error: unknown }>({ onClose() {} });
  const fail = (error: unknown) => events.push({ type: 'failed', error });
  const seen = <T>(source: AsyncIterableIterator<T>) =>
    sight.whileVisible(source, { ...watching, id }, () => gone(id));
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

/** Looks what the run waits for, one look at a time; tells each question once. */
function createLook(
  id: string,
  transact: FollowOptions['transact'],
  tell: (event: RunEvent) => void,
): () => Promise<void> {
  const told = new Set<string>();
  let underWay: Promise<void> | undefined;
  const look = async () => {
    const { stand, questions } = await transact(async (client) => {
      const now = await standOf(client, id);
      const isWaiting = now?.status === 'waiting';
      const open = isWaiting ? await questionsInTheWay(queriesWithin(client), id) : [];
      return { stand: now, questions: open.filter((question) => !told.has(question.id)) };
    });
    for (const question of questions) told.add(question.id);
    if (questions.length > 0) tell({ type: 'questions', questions });
    if (stand?.waiting_for !== 'quota' || told.has(id)) return;
    told.add(id);
    tell({ type: 'limited' });
  };
  return () => {
    underWay ??= look().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
