import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { OpenSink, TokenPiece } from '../../contracts/runs/step.ts';
import { MOST_CONNECTIONS } from '../connection/connection-limits.ts';
import { createPool } from '../connection/pool.ts';
import { storableJson } from '../connection/storable-json.ts';
import { createLateListenerBuffer, withOffsets } from './late-listener-buffer.ts';

/** Milliseconds during which announcements of the same moment are gathered. */
const GATHER_MS = 3;
/** Tokens are for eyes: they may wait a little longer and travel together. */
const GATHER_TOKENS_MS = 30;
/** A NOTIFY carries 8,000 bytes at most; JSON may write one character as six, and the ids want their part. */
const PIECE_CHARACTERS = 1_200;

export type Notifier = {
  /** Tells whoever listens that this run has something new. Never waits, never fails. */
  announce(executionId: string): void;
  /** Passes on an answer while it streams, from its beginning also to who comes later; lost without harm. */
  stream: OpenSink;
  /** Passes on what a tool says while it works; lost without harm. */
  tell(note: ToolNote): void;
  /** Asks workers with room to look for due runs. Resolves when that is done. Never fails. */
  announceDueRuns(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Announces ids on one connection with `synchronous_commit = off`, many at a time: NOTIFY takes a lock of
 * the whole cluster until its commit is flushed, so it must neither flush nor happen once per step. A lost
 * announcement costs listeners latency only: they read rows from their cursors.
 */
export function createNotifier(url: string, answerWithinMs?: number): Notifier {
  const pool = createPool({
    url,
    applicationName: 'howdah-notify',
    role: 'howdah_worker',
    max: MOST_CONNECTIONS.worker.notify,
    answerWithinMs,
    settings: { synchronous_commit: 'off' },
  });
  const streamed = gather<TokenPiece>(GATHER_TOKENS_MS, async (pieces) => {
    await pool.query('select howdah_private.announce_tokens($1)', [storableJson(joined(pieces))]);
  });
  const noted = gather<ToolNote>(GATHER_MS, async (notes) => {
    await pool.query('select howdah_private.announce_tokens($1)', [storableJson(notes)]);
  });
  const announced = gather<string>(GATHER_MS, async (ids) => {
    await Promise.all([streamed.sendNow(), noted.sendNow()]); // what belongs to a step comes before the step
    await pool.query('select howdah_private.announce($1)', [[...new Set(ids)]]);
  });
  const unheard = createLateListenerBuffer(async (ids) => {
    const asked = 'select id from howdah_private.watched_among($1) as w (id)';
    const { rows } = await pool.query<{ id: string }>(asked, [ids]);
    return rows.map(({ id }) => id);
  }, streamed.add);
  let announcing = Promise.resolve();
  return {
    announce: announced.add,
    stream: (answer, isHeard) =>
      isHeard ? { say: withOffsets(answer, streamed.add), end: () => {} } : unheard.open(answer),
    tell: noted.add,
    announceDueRuns() {
      const asked = pool.query('select howdah_private.announce_due_runs()');
      announcing = asked.then(
        () => {},
        () => {},
      );
      return announcing;
    },
    async close() {
      unheard.close();
      await Promise.all([announced.over(), streamed.over(), noted.over(), announcing]);
      await pool.end();
    },
  };
}

/** Collects for a moment, sends all at once, one sending at a time. What fails is forgotten. */
function gather<T>(ms: number, send: (items: T[]) => Promise<void>) {
  let pending: T[] = [];
  let busy: Promise<void> | undefined;
  const sendNow = async (): Promise<void> => {
    const items = pending;
    pending = [];
    if (items.length > 0) {
      await send(items).catch(() => {});
    }
  };
  const flush = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await sendNow();
    busy = pending.length > 0 ? flush() : undefined;
  };
  return {
    sendNow,
    add(item: T): void {
      pending.push(item);
      busy ??= flush();
    },
    async over(): Promise<void> {
      while (busy) {
        await busy;
      }
    },
  };
}

/** Pieces of one answer become one, in order, cut where they would not fit a notification. */
function joined(pieces: readonly TokenPiece[]): TokenPiece[] {
  const result: TokenPiece[] = [];
  const open = new Map<string, TokenPiece>();
  for (const piece of pieces) {
    const key = `${piece.execution_id} ${piece.seq} ${piece.attempt}`;
    let { offset } = piece;
    for (const text of chunks(piece.text)) {
      const last = open.get(key);
      if (last && last.text.length + text.length <= PIECE_CHARACTERS) {
        last.text += text;
      } else {
        const next = { ...piece, ...(offset !== undefined && { offset }), text };
        open.set(key, next);
        result.push(next);
      }
      if (offset !== undefined) offset += text.length;
    }
  }
  return result;
}

/** Cut between characters, never inside one. */
function chunks(text: string): string[] {
  const characters = [...text];
  const count = Math.ceil(characters.length / (PIECE_CHARACTERS / 2));
  return Array.from({ length: count }, (_, index) =>
    characters.slice((index * PIECE_CHARACTERS) / 2, ((index + 1) * PIECE_CHARACTERS) / 2).join(''),
  );
}
