import { HowdahError } from '../../../contracts/errors.ts';
import type { TokenPiece } from '../../../contracts/runs/step.ts';
import type { StreamEvent } from '../../../contracts/runs/stream-event.ts';
import type { ChatQuestion } from '../../../db/queries/chat-session.ts';
import type { Step } from '../../../db/queries/queries.ts';
import type { Ended } from '../../print/step-line.ts';
import type { TurnItem } from '../chat-backend.ts';
import type { Api } from '../connect.ts';
import { withDates } from '../with-dates.ts';
import { PAGE_SIZE } from './pages.ts';
import { stepOf } from './server-runs.ts';

/** The wait for an announced step, in milliseconds. A replica may lag behind. */
const BEHIND_MS = 100;

/**
 * A follower of a run that may stop at several questions. The event stream stays open at each
 * question.
 */
export type ServerRunFollower = {
  /** Resolves when the server sends events of the run. From then on no piece is missed. */
  waitForStart(): Promise<unknown>;
  /**
   * Yields the events after the last one that was yielded, until the run has ended or asks a
   * question. That event is the last one.
   */
  events(signal: AbortSignal): AsyncGenerator<TurnItem>;
};

/**
 * Creates a follower of a run. Steps are read as rows of REST when the stream announces them. Only
 * token pieces are taken from the stream itself.
 */
export function createRunFollower(
  api: Api,
  id: string,
  after: number,
  events: AsyncGenerator<StreamEvent, void> = api.stream(id),
): ServerRunFollower {
  let cursor = after;
  let hasStarted = false;
  let question: ChatQuestion | undefined;
  let coming: ReturnType<typeof events.next> | undefined;
  const peek = () => {
    if (!coming) {
      coming = events.next();
      coming.catch(() => {}); // reported to the caller that takes the event
    }
    return coming;
  };
  const stepsUpTo = async function* (seq: number, signal: AbortSignal): AsyncGenerator<TurnItem> {
    if (seq <= cursor) return;
    for (const step of await readSteps(api, id, { after: cursor, upTo: seq }, signal)) {
      cursor = step.seq;
      yield { type: 'step', id, step };
    }
  };
  return {
    waitForStart: async () => (hasStarted ? undefined : peek()),
    async *events(signal) {
      question = question && (await openQuestion(api, question.id)); // ask again if the answer was not accepted
      if (question) return yield { type: 'question', id, question };
      const { promise: left, resolve: leave } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => leave(), { once: true });
      while (!signal.aborted) {
        const next = await Promise.race([peek(), left]);
        if (!next) return;
        coming = undefined;
        hasStarted = true;
        if (next.done) return;
        const { event, data } = next.value;
        if (event === 'token') {
          const piece = pieceIn(data);
          if (piece.seq > cursor) yield { type: 'token', id, piece };
          continue;
        }
        if (event === 'progress') continue;
        if (event === 'error' && next.value.id === undefined) throw accessLost(data);
        if (data.execution_id === id) yield* stepsUpTo(Number(data.seq), signal);
        if (event === 'complete') {
          return yield { type: 'end', id, execution: await endedRun(api, id) };
        }
        question = event === 'ask_user' ? await openQuestion(api, data.question_id) : undefined;
        if (question) return yield { type: 'question', id, question };
      }
    },
  };
}

function pieceIn(data: StreamEvent['data']): TokenPiece {
  const { execution_id, seq, attempt, offset, content } = data;
  const piece = { execution_id, seq, attempt, ...(offset !== undefined && { offset }) };
  return { ...piece, text: content } as TokenPiece;
}

/** Creates the error for a caller that may no longer see the run. */
function accessLost({ code, message }: StreamEvent['data']): HowdahError {
  return new HowdahError(String(code), String(message), {
    hint: 'Log in again (howdah admin login), or check who may see the agent.',
  });
}

/** Returns the question, unless somebody has answered it. */
async function openQuestion(api: Api, id: unknown): Promise<ChatQuestion | undefined> {
  const question = await api.call('getQuestion', { params: { id: String(id) } });
  return question.status === 'open' ? questionOf(question) : undefined;
}

/** Converts a question to the form that the database returns. */
export function questionOf(row: Omit<ChatQuestion, 'options'> & { options: unknown[] | null }) {
  const { id, execution_id, kind, prompt, options } = row;
  return { id, execution_id, kind, prompt, options } as ChatQuestion;
}

async function endedRun(api: Api, id: string): Promise<Ended> {
  const { messages: _, children: __, ...run } = await api.call('getExecution', { params: { id } });
  // REST sends numbers, and the database connection of the CLI also returns numbers
  return withDates(run) as unknown as Ended;
}

/** Reads the steps after a step. Waits until the step `upTo` is available. */
async function readSteps(
  api: Api,
  id: string,
  { after, upTo }: { after: number; upTo: number },
  signal: AbortSignal,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (let last = after; ; ) {
    const query = { after: last, limit: PAGE_SIZE, said: 'true' } as const;
    const { data } = await api.call('listExecutionSteps', { params: { id }, query });
    steps.push(...data.map(stepOf));
    last = data.at(-1)?.seq ?? last;
    if (data.length === PAGE_SIZE) continue;
    if (last >= upTo || signal.aborted) return steps;
    await new Promise((resolve) => setTimeout(resolve, BEHIND_MS));
  }
}
