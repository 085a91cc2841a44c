import { randomUUID } from 'node:crypto';
import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { Queryable } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { noteOf, pieceOf } from './feed-payloads.ts';
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
const WATCH = 'select howdah_private.watch($1, $2)';

/** The announcements that a listener receives besides those of new rows. */
type Received = { tokens?: boolean; notes?: boolean };

/**
 * Opens a listener on its own connection, for these runs and for those that `watch` adds. `signal`
 * ends all waiting.
 */
export async function openRunListener(
  url: string,
  ids: readonly string[],
  signal: AbortSignal,
  received: Received = {},
): Promise<RunListener> {
  const listener = new RunListener(url, ids, signal, received);
  await listener.open();
  return listener;
}

/** A listener that reports when runs have something new to read. */
export class RunListener {
  readonly #id = randomUUID();
  readonly #watched: Set<string>;
  readonly #signal: AbortSignal;
  readonly #received: Received;
  readonly #connection: ListenConnection;
  readonly #announced = new Set<string>();
  #pieces: TokenPiece[] = [];
  #notes: ToolNote[] = [];
  /** Ends the wait for an announcement. */
  #wake: () => void = () => {};
  /** False for a login that receives no announcements. */
  #canListen = true;
  #renewal: NodeJS.Timeout | undefined;

  constructor(url: string, ids: readonly string[], signal: AbortSignal, received: Received) {
    this.#watched = new Set(ids);
    this.#signal = signal;
    this.#received = received;
    this.#connection = new ListenConnection({
      url,
      applicationName: 'howdah-cli',
      channels: received.tokens || received.notes ? ['feed', 'tokens'] : ['feed'],
      onNotification: (channel, payload) => this.#receive(channel, payload),
      onReconnected: () => this.#registerOrWait(),
    });
  }

  async open(): Promise<void> {
    try {
      await this.#connection.open();
      await this.#register();
    } catch (error) {
      if (faultOf(error).code !== NO_RIGHTS) {
        await this.#connection.close();
        throw error;
      }
      this.#canListen = false;
    }
    this.#renewal = setInterval(() => this.#registerOrWait(), RENEW_MS).unref();
  }

  /**
   * Registers a run on the caller's connection. In the transaction that starts the run, nothing of
   * the run is missed. Does nothing for a login that receives no announcements.
   */
  async watch(client: Queryable, id: string): Promise<void> {
    this.#watched.add(id);
    if (this.#canListen) await client.query(WATCH, [this.#id, [id]]);
  }

  /** Stops renewing the registration of a run that has ended. */
  forget(id: string): void {
    this.#watched.delete(id);
  }

  /**
   * Waits for an announcement, at most for a while. Returns those of these runs that are due to be
   * read: the announced runs, no run when only pieces of answers or notes of tools arrived, all
   * runs when nothing arrived for a while.
   */
  async nextChanged(ids: readonly string[]): Promise<string[]> {
    if (this.#isQuiet && !this.#signal.aborted) await this.#waitForNews();
    const due = this.#isQuiet ? [...ids] : ids.filter((id) => this.#announced.has(id));
    this.#announced.clear();
    return due;
  }

  /** Returns the pieces of answers that arrived since the last call. */
  pieces(): TokenPiece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** Returns the notes of running tools that arrived since the last call. */
  notes(): ToolNote[] {
    const notes = this.#notes;
    this.#notes = [];
    return notes;
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#connection
      .query('select howdah_private.unwatch($1, null)', [this.#id])
      .catch(() => {});
    await this.#connection.close();
  }

  async #register(): Promise<void> {
    await this.#connection.query(WATCH, [this.#id, [...this.#watched]]);
  }

  /** Registers. After a failure, the next renewal registers again. */
  #registerOrWait(): void {
    this.#register().catch(() => {});
  }

  #receive(channel: string, payload: string): void {
    if (channel === 'feed') this.#announced.add(payload);
    else if (!this.#take(payload)) return;
    this.#wake();
  }

  /** Takes a piece or a note of a watched run. Returns false for any other payload. */
  #take(payload: string): boolean {
    const piece = this.#received.tokens ? pieceOf(payload) : undefined;
    const note = this.#received.notes ? noteOf(payload) : undefined;
    if (!this.#watched.has((piece ?? note)?.execution_id ?? '')) return false;
    if (piece) this.#pieces.push(piece);
    if (note) this.#notes.push(note);
    return true;
  }

  /** True if nothing has arrived that was not read yet. */
  get #isQuiet(): boolean {
    return this.#announced.size + this.#pieces.length + this.#notes.length === 0;
  }

  /** Waits until something arrives, until it is time to read anyway, or until the signal fires. */
  async #waitForNews(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    this.#wake = end;
    const timer = setTimeout(end, POLL_MS).unref();
    this.#signal.addEventListener('abort', end);
    await promise;
    clearTimeout(timer);
    this.#signal.removeEventListener('abort', end);
  }
}
