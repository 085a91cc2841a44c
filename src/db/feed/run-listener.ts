import { randomUUID } from 'node:crypto';
import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import { createClient, type Pool } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { listenTo, noteOf, pieceOf } from './feed.ts';

/** Announcements may be lost; the log is read at least this often. */
const POLL_MS = 500;
/** A registration lasts two minutes. */
const RENEW_MS = 60_000;
/** A direct login of a tenant is told no announcements: it reads the log only. */
const NO_RIGHTS = '42501';

/** Tells when something new can be read of runs. */
export type RunListener = {
  /**
   * Registers for a run, on the caller's connection: in the transaction that begins the run, nothing of it is missed. Does
   * nothing for a login that is told no announcements.
   */
  watch(client: Pick<Pool, 'query'>, id: string): Promise<void>;
  /**
   * Waits until something is announced, for a while at most. Gives which of these runs are due to be read: those announced,
   * none when pieces of answers or notes of tools came, all when nothing was heard for a while.
   */
  nextChanged(ids: readonly string[]): Promise<string[]>;
  /** The pieces of answers that came since it was asked last. */
  pieces(): TokenPiece[];
  /** What tools said while they work, since it was asked last. */
  notes(): ToolNote[];
  close(): Promise<void>;
};

/** A bell of one connection, for runs known now and for those it is told to watch. `signal` ends all waiting. */
export async function openRunListener(
  url: string,
  ids: readonly string[],
  signal: AbortSignal,
  { tokens = false, notes = false } = {},
): Promise<RunListener> {
  const client = createClient({ url, applicationName: 'howdah-cli' });
  const listener = randomUUID();
  const watched = new Set(ids);
  const announced = new Set<string>();
  let pieces: TokenPiece[] = [];
  let said: ToolNote[] = [];
  let wake: () => void = () => {};
  let isDeaf = false;
  client.on('notification', ({ channel, payload = '' }) => {
    if (!channel.startsWith('howdah_tokens_')) {
      announced.add(payload);
      return wake();
    }
    const piece = tokens ? pieceOf(payload) : undefined;
    const note = notes ? noteOf(payload) : undefined;
    if (!watched.has((piece ?? note)?.execution_id ?? '')) return;
    if (piece) pieces.push(piece);
    if (note) said.push(note);
    wake();
  });
  client.on('error', () => {});
  await client.connect();
  try {
    await listenTo(client, tokens || notes ? ['feed', 'tokens'] : ['feed']);
    await client.query('select howdah_private.watch($1, $2)', [listener, ids]);
  } catch (error) {
    if (faultOf(error).code !== NO_RIGHTS) {
      await client.end().catch(() => {});
      throw error;
    }
    isDeaf = true;
  }
  const renewal = setInterval(() => {
    client.query('select howdah_private.watch($1, $2)', [listener, [...watched]]).catch(() => {});
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
      await client.query('select howdah_private.unwatch($1, null)', [listener]).catch(() => {});
      await client.end().catch(() => {});
    },
  };
}
