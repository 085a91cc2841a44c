import { isOfTop } from '../../../client/follow-events.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import type { TokenPiece } from '../../../contracts/runs/step.ts';
import type { StreamEvent } from '../../../contracts/runs/stream-event.ts';
import type { PlaceInTree } from '../../../db/feed/run-reader.ts';
import type { ChatQuestion } from '../../../db/queries/chat-session.ts';
import type { Ended } from '../../print/step-line.ts';
import type { TurnItem } from '../chat-backend.ts';
import type { Api } from '../connect-server.ts';
import { withDates } from '../with-dates.ts';
import { createStepReaders } from './step-reader.ts';

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
 * Creates a follower of a run, or of a run and all runs below it if the stream is that of a tree.
 * Steps are read as rows of REST when the stream announces them. Only token pieces are taken from
 * the stream itself, those of the followed run.
 */
export function createRunFollower(
  api: Api,
  id: string,
  after: number,
  events: AsyncGenerator<StreamEvent, void>,
): ServerRunFollower {
  const logOf = createStepReaders(api, id, after);
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
          const isNew = piece.execution_id === id && piece.seq > logOf(id).last();
          if (isNew) yield { type: 'token', id, piece };
          continue;
        }
        if (event === 'progress') continue;
        if (event === 'error' && next.value.id === undefined) throw accessLost(data);
        const run = String(data.execution_id);
        const place = placeIn(data);
        if (run === id || place) {
          for (const step of await logOf(run).upTo(Number(data.seq), signal)) {
            yield { type: 'step', id: run, step, ...place };
          }
        }
        if (event === 'complete') {
          yield { type: 'end', id: run, execution: await endedRun(api, run), ...place };
          if (isOfTop(next.value)) return;
        }
        question = event === 'ask_user' ? await openQuestion(api, data.question_id) : undefined;
        if (question) return yield { type: 'question', id, question };
      }
    },
  };
}

/** Returns the place of an event in a tree. Other streams have no places. */
function placeIn({ path, agent }: StreamEvent['data']): PlaceInTree | undefined {
  if (!Array.isArray(path)) return undefined;
  return { path: path.map(String), agent: path.length === 1 ? null : String(agent ?? '') };
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
