import { HowdahError } from '../../contracts/errors.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { OpenQuestion } from '../../db/feed/chat-session.ts';
import type { TurnItem } from '../chat/chat-backend.ts';
import type { Ended } from '../print/step-line.ts';
import type { Api } from './connect.ts';
import { createStepReader } from './step-reader.ts';

/** A run that is followed over its turns of asking and being answered: its stream stays open meanwhile. */
export type RunFollower = {
  /** Resolves when the server tells of it: from then on no piece is missed. */
  begun(): Promise<unknown>;
  /** What happens, behind what was told before, until the run has ended or asks: that is the last event. */
  tell(signal: AbortSignal): AsyncGenerator<TurnItem>;
};

/** Steps are rows of REST, which are read when the stream says that there are more; only what streams comes out of it. */
export function createRunFollower(
  api: Api,
  id: string,
  after: number,
  events: AsyncGenerator<StreamEvent, void> = api.watch(id),
): RunFollower {
  const reader = createStepReader(api, id, after);
  let cursor = after;
  let hasBegun = false;
  let asked: OpenQuestion | undefined;
  let coming: ReturnType<typeof events.next> | undefined;
  const peek = () => {
    if (!coming) {
      coming = events.next();
      coming.catch(() => {}); // told to whoever takes it
    }
    return coming;
  };
  const stepsUpTo = async function* (seq: number, signal: AbortSignal): AsyncGenerator<TurnItem> {
    if (seq <= cursor) return;
    for (const step of await reader.read(seq, signal)) {
      cursor = step.seq;
      yield { type: 'step', id, step };
    }
  };
  return {
    begun: async () => (hasBegun ? undefined : peek()),
    async *tell(signal) {
      asked = asked && (await openQuestion(api, asked.id)); // an answer may have been refused
      if (asked) return yield { type: 'question', id, question: asked };
      const { promise: left, resolve: leave } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => leave(), { once: true });
      while (!signal.aborted) {
        const next = await Promise.race([peek(), left]);
        if (!next) return;
        coming = undefined;
        hasBegun = true;
        if (next.done) return;
        const { event, data } = next.value;
        if (event === 'token') {
          const piece = pieceIn(data);
          if (piece.seq > cursor) yield { type: 'token', id, piece };
          continue;
        }
        if (event === 'error' && next.value.id === undefined) throw turnedOut(data);
        if (data.execution_id === id) yield* stepsUpTo(Number(data.seq), signal);
        if (event === 'complete') {
          return yield { type: 'end', id, execution: await endedRun(api, id) };
        }
        asked = event === 'ask_user' ? await openQuestion(api, data.question_id) : undefined;
        if (asked) return yield { type: 'question', id, question: asked };
      }
    },
  };
}

function pieceIn(data: StreamEvent['data']): TokenPiece {
  const { execution_id, seq, attempt, offset, content } = data;
  const piece = { execution_id, seq, attempt, ...(offset !== undefined && { offset }) };
  return { ...piece, text: content } as TokenPiece;
}

/** Who may see it no longer. */
function turnedOut({ code, message }: StreamEvent['data']): HowdahError {
  return new HowdahError(String(code), String(message), {
    hint: 'Log in again: howdah login; or ask who may see the agent.',
  });
}

/** What is asked, unless somebody has answered. */
async function openQuestion(api: Api, id: unknown): Promise<OpenQuestion | undefined> {
  const asked = await api.call('getQuestion', { params: { id: String(id) } });
  return asked.status === 'open' ? questionOf(asked) : undefined;
}

/** A question as the database gives it. */
export function questionOf(asked: Omit<OpenQuestion, 'options'> & { options: unknown[] | null }) {
  const { id, execution_id, kind, prompt, options } = asked;
  return { id, execution_id, kind, prompt, options } as OpenQuestion;
}

async function endedRun(api: Api, id: string): Promise<Ended> {
  const { messages: _, children: __, ...run } = await api.call('getExecution', { params: { id } });
  const dates = ['created_at', 'run_at', 'started_at', 'completed_at'] as const;
  const asDate = (text: string | null) => (text === null ? null : new Date(text));
  const times = Object.fromEntries(dates.map((name) => [name, asDate(run[name])]));
  return { ...run, ...times } as unknown as Ended; // numbers, as the CLI has them of the database too
}
