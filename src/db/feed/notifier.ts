import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { OpenSink, TokenPiece } from '../../contracts/runs/step.ts';
import { storableJson } from '../../json/storable-json.ts';
import { MAX_CONNECTIONS } from '../connection/connection-limits.ts';
import { createPool } from '../connection/pool.ts';
import { createBatcher } from './batcher.ts';
import { createLateListenerBuffer, withOffsets } from './late-listener-buffer.ts';

/** Milliseconds during which announcements are collected into one batch. */
const GATHER_MS = 3;
/**
 * Milliseconds during which tokens are collected. Tokens are only displayed, so they may wait a
 * little longer and share a batch.
 */
const GATHER_TOKENS_MS = 30;
/**
 * Maximum length of a piece. A NOTIFY carries at most 8,000 bytes. JSON may encode one character as
 * six, and the ids need space.
 */
const PIECE_CHARACTERS = 1_200;

export type Notifier = {
  /** Tells all listeners that this run has something new. Never waits and never fails. */
  announce(executionId: string): void;
  /** Streams an answer. Late listeners receive it from its start. A lost piece does no harm. */
  stream: OpenSink;
  /** Passes on a report of a running tool. A lost report does no harm. */
  tell(note: ToolNote): void;
  /** Asks workers with free slots to look for due runs. Resolves when that is done. Never fails. */
  announceDueRuns(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Announces ids in batches on one connection with `synchronous_commit = off`. NOTIFY takes a lock
 * of the whole cluster until its commit is flushed, so it must neither flush nor run once per step.
 * A lost announcement costs listeners only latency, because they read rows from their cursors.
 */
export function createNotifier(url: string, answerWithinMs?: number): Notifier {
  const pool = createPool({
    url,
    applicationName: 'howdah-notify',
    role: 'howdah_worker',
    max: MAX_CONNECTIONS.worker.notify,
    answerWithinMs,
    settings: { synchronous_commit: 'off' },
  });
  const streamed = createBatcher<TokenPiece>(GATHER_TOKENS_MS, async (pieces) => {
    await pool.query('select howdah_private.announce_tokens($1)', [
      storableJson(joinPieces(pieces)),
    ]);
  });
  const noted = createBatcher<ToolNote>(GATHER_MS, async (notes) => {
    await pool.query('select howdah_private.announce_notes($1)', [storableJson(notes)]);
  });
  const announced = createBatcher<string>(GATHER_MS, async (ids) => {
    // Send what belongs to a step before the step.
    await Promise.all([streamed.sendNow(), noted.sendNow()]);
    await pool.query('select howdah_private.announce($1)', [[...new Set(ids)]]);
  });
  const lateListeners = createLateListenerBuffer(async (ids) => {
    const text = 'select id from howdah_private.watched_among($1) as w (id)';
    const { rows } = await pool.query<{ id: string }>(text, [ids]);
    return rows.map(({ id }) => id);
  }, streamed.add);
  let announcing = Promise.resolve();
  return {
    announce: announced.add,
    stream: (answer, isHeard) =>
      isHeard
        ? { say: withOffsets(answer, streamed.add), end: () => {} }
        : lateListeners.open(answer),
    tell: noted.add,
    announceDueRuns() {
      const announcement = pool.query('select howdah_private.announce_due_runs()');
      announcing = announcement.then(
        () => {},
        () => {},
      );
      return announcing;
    },
    async close() {
      lateListeners.close();
      await Promise.all([announced.over(), streamed.over(), noted.over(), announcing]);
      await pool.end();
    },
  };
}

/**
 * Joins the pieces of one answer in order, and splits them where they would not fit a notification.
 */
function joinPieces(pieces: readonly TokenPiece[]): TokenPiece[] {
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

/** Splits a text between characters, never inside one. */
function chunks(text: string): string[] {
  const characters = [...text];
  const count = Math.ceil(characters.length / (PIECE_CHARACTERS / 2));
  return Array.from({ length: count }, (_, index) =>
    characters.slice((index * PIECE_CHARACTERS) / 2, ((index + 1) * PIECE_CHARACTERS) / 2).join(''),
  );
}
