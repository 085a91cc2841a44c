import { randomUUID } from 'node:crypto';
import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { Pool } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { noteOf, pieceOf } from './feed.ts';
import { ListenConnection } from './listen-connection.ts';

/** The maximum time between two reads of the log, since announcements may be lost. */
const POLL_MS = 500;
/** The time between two renewals of a registration, which lasts two minutes. */
const RENEW_MS = 60_000;
/**
 * The error code for a direct login of a tenant. Such a login receives no announcements and only
 * reads the log.
 */
const NO_RIGHTS = '42501';

/** A listener that reports when runs have something new to read. */
export type RunListener = {
  /**
   * Registers a run on the caller's connection. In the transaction that starts the run, nothing of
   * the run is missed. Does nothing for a login that receives no announcements.
   */
  watch(client: Pick<Pool, 'query'>, id: string): Promise<void>;
  /**
   * Waits for an announcement, at most for a while. Returns those of these runs that are due to be
   * read: the announced runs, no run when only pieces of answers or notes of tools arrived, all
   * runs when nothing arrived for a while.
   */
  nextChanged(ids: readonly string[]): Promise<string[]>;
  /** Returns the pieces of answers that arrived since the last call. */
  pieces(): TokenPiece[];
  /** Returns the notes of running tools that arrived since the last call. */
  notes(): ToolNote[];
  close(): Promise<void>;
};

/**
 * Opens a listener on its own connection, for these runs and for those that `watch` adds. `signal`
 * ends all waiting.
 */
export async function openRunListener(
  url: string,
  ids: readonly string[],
  signal: AbortSignal,
  { tokens = false, notes = false } = {},
): Promise<RunListener> {
  const listener = randomUUID();
  const watched = new Set(ids);
  const announced = new Set<string>();
  let pieces: TokenPiece[] = [];
  let said: ToolNote[] = [];
  let wake: () => void = () => {};
  let isDeaf = false;
  const connection = new ListenConnection({
    url,
    applicationName: 'howdah-cli',
    channels: tokens || notes ? ['feed', 'tokens'] : ['feed'],
    onNotification(channel, payload) {
      if (channel === 'feed') {
        announced.add(payload);
        return wake();
      }
      const piece = tokens ? pieceOf(payload) : undefined;
      const note = notes ? noteOf(payload) : undefined;
      if (!watched.has((piece ?? note)?.execution_id ?? '')) return;
      if (piece) pieces.push(piece);
      if (note) said.push(note);
      wake();
    },
    onReconnected: () => void register().catch(() => {}), // the next renewal registers again
  });
  const register = () =>
    connection.query('select howdah_private.watch($1, $2)', [listener, [...watched]]);
  try {
    await connection.open();
    await register();
  } catch (error) {
    if (faultOf(error).code !== NO_RIGHTS) {
      await connection.close();
      throw error;
    }
    isDeaf = true;
  }
  const renewal = setInterval(() => {
    register().catch(() => {});
  }, RENEW_MS).unref();
  return {
    async watch(caller, id) {
      watched.add(id);
      if (!isDeaf) await caller.query('select howdah_private.watch($1, $2)', [listener, [id]]);
    },
    async nextChanged(all) {
      const isQuiet = () => announced.size + pieces.length + said.length === 0;
      if (isQuiet() && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(resolve, POLL_MS);
        timer.unref();
        const heard = () => resolve();
        signal.addEventListener('abort', heard);
        await promise;
        clearTimeout(timer);
        signal.removeEventListener('abort', heard);
      }
      const due = isQuiet() ? [...all] : all.filter((id) => announced.has(id));
      announced.clear();
      return due;
    },
    pieces() {
      const taken = pieces;
      pieces = [];
      return taken;
    },
    notes() {
      const taken = said;
      said = [];
      return taken;
    },
    async close() {
      clearInterval(renewal);
      await connection.query('select howdah_private.unwatch($1, null)', [listener]).catch(() => {});
      await connection.close();
    },
  };
}
