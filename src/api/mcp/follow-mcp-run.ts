import type { Watching } from '../../db/access/subjects.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import { FeedQueue } from '../../db/feed/feed-queue.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import { runStatus } from '../../db/mcp/offered-tools.ts';
import { queriesWithin } from '../../db/queries/queries.ts';
import { questionsInTheWay } from '../../db/queries/questions.ts';
import type { RunEvent } from '../../mcp-server/caller.ts';
import { RunWatch } from '../events/run-watch.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { VisibilityGuard } from '../graphql/subscriptions/visibility-guard.ts';
import { FRESH_MS } from '../login/cached-loader.ts';

/**
 * Number of checks of the caller per read of the questions, while the run waits. The questions are
 * read repeatedly, because a question of a run below changes nothing in the run itself.
 */
const CHECKS_PER_READ = 2;
/** Most notices of one kind that wait for a slow client. Further notices are dropped. */
const MAX_NOTICES = 500;

export type McpFollowOptions = {
  hub: Pick<FeedHub, 'steps' | 'states' | 'notes' | 'onUnanswered'>;
  visibility: Pick<VisibilityGuard, 'whileVisible'>;
  watching: Omit<Watching, 'id'>;
  transact<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /** Rejects when the caller has lost access. */
  checkAccess(): Promise<void>;
  /** Returns the error that ends the events when the caller may no longer see the run. */
  notFound(id: string): Error;
};

/**
 * Follows the steps, the questions and the end of a run, from the feed of this process, for as long
 * as the caller may see them.
 */
export async function* followMcpRun(
  options: McpFollowOptions,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const announced = { notices: 0 };
  const notices = subscribeToNotices(options.hub, id, announced);
  const watch = watchVisibleRun(options, id, notices, signal);
  // notices are announced before the step that they belong to, and the watch may return it first
  const heldSteps: { after: number; event: RunEvent }[] = [];
  let delivered = 0;
  const readQuestions = createQuestionReader(id, options.transact);
  let checks = 0;
  try {
    for await (const change of watch.changes()) {
      if (change.of === 'step') {
        heldSteps.push({ after: announced.notices, event: stepEvent(change.row) });
      } else if (change.of === 'notice') {
        delivered += 1;
        yield change.event;
      } else if (change.of === 'state' && watch.isWaiting) yield* await readQuestions();
      else if (change.of === 'tick') {
        await options.checkAccess();
        checks += 1;
        if (watch.isWaiting && checks % CHECKS_PER_READ === 0) yield* await readQuestions();
      } else if (change.of === 'end') for (const notice of notices) notice.end();
      for (let next = heldSteps[0]; next && next.after <= delivered; next = heldSteps[0]) {
        heldSteps.shift();
        yield next.event;
      }
    }
    if (!signal.aborted) yield { type: 'end' };
  } finally {
    watch.close();
  }
}

/** An event that is announced and not stored. */
type Notice = {
  of: 'notice';
  event: Extract<RunEvent, { type: 'note' | 'unanswered' }>;
};

function watchVisibleRun(
  { hub, visibility, watching, notFound }: McpFollowOptions,
  id: string,
  others: readonly FeedQueue<Notice>[],
  signal: AbortSignal,
): RunWatch<Notice> {
  const whileVisible = <T>(events: AsyncIterableIterator<T>) =>
    visibility.whileVisible(events, { ...watching, id }, () => notFound(id));
  const steps = whileVisible(hub.steps(id, 0));
  const states = whileVisible(hub.states(id));
  return new RunWatch({ steps, states, others, tickMs: FRESH_MS }, signal);
}

/** Subscribes to the notes of tools, and to questions that got no valid answer. */
function subscribeToNotices(
  hub: Pick<FeedHub, 'notes' | 'onUnanswered'>,
  id: string,
  announced: { notices: number },
): FeedQueue<Notice>[] {
  return [
    boundedQueue(announced, (push) =>
      hub.notes.follow(id, (note) => push({ of: 'notice', event: { type: 'note', note } })),
    ),
    boundedQueue(announced, (push) =>
      hub.onUnanswered(({ execution_id, question_id: question, fault }) => {
        if (execution_id !== id) return;
        push({ of: 'notice', event: { type: 'unanswered', question, fault } });
      }),
    ),
  ];
}

/** Creates a queue of what a subscription pushes. The end of the queue ends the subscription. */
function boundedQueue<T>(
  announced: { notices: number },
  subscribe: (push: (item: T) => void) => () => void,
): FeedQueue<T> {
  const queue = new FeedQueue<T>({ onClose: () => unsubscribe() });
  const unsubscribe = subscribe((item) => {
    if (queue.size >= MAX_NOTICES) return;
    announced.notices += 1;
    queue.push(item);
  });
  return queue;
}

function stepEvent({ seq, step }: FeedRow): RunEvent {
  const name = typeof step.name === 'string' ? step.name : null;
  return { type: 'step', seq, kind: String(step.kind), name, error: step.error ?? null };
}

/**
 * Returns a function that reads what the run waits for. Each question is reported once, and so is a
 * limit.
 */
function createQuestionReader(
  id: string,
  transact: McpFollowOptions['transact'],
): () => Promise<RunEvent[]> {
  const reported = new Set<string>();
  let isLimitReported = false;
  return async () => {
    const { run, open } = await transact(async (client) => {
      const current = await runStatus(client, id);
      const isWaiting = current?.status === 'waiting';
      const questions = isWaiting ? await questionsInTheWay(queriesWithin(client), id) : [];
      return { run: current, open: questions };
    });
    const questions = open.filter((question) => !reported.has(question.id));
    for (const question of questions) reported.add(question.id);
    const isLimited = run?.waiting_for === 'quota' && !isLimitReported;
    isLimitReported ||= isLimited;
    return [
      ...(questions.length > 0 ? [{ type: 'questions' as const, questions }] : []),
      ...(isLimited ? [{ type: 'limited' as const }] : []),
    ];
  };
}
