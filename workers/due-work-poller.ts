/** The pause after a look that found nothing. The next look finds what comes in that pause. */
const MIN_PAUSE_MS = 20;
/** A look through a long queue may take long. The pause after it is this many times as long. */
const PAUSES_PER_LOOK = 9;
/** The longest pause after a look that found nothing, and the pause after one that failed. */
const MAX_PAUSE_MS = 1_000;

/** The result of a look for due work. */
export type LookResult = 'found' | 'nothing' | 'no_room';

export type DueWorkPollerOptions = {
  /** The time after which looks are repeated. Without it, only nudges repeat them. */
  everyMs?: number | undefined;
  /** Called when a look failed. The poller looks again after a second. */
  onError(error: unknown): void;
};

/**
 * Looks for due work, such as runs, at the start and after each nudge, never twice at a time. Looks
 * that find nothing take at most a tenth of the time. If a look ended for lack of room, it is
 * repeated when a slot comes free.
 *
 * With `everyMs`, looks are also repeated after that time. Without, a look that found work is
 * followed by another one at once, because each look takes only a part of what is due.
 */
export class DueWorkPoller {
  readonly #options: DueWorkPollerOptions;
  #look: (() => Promise<LookResult>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> | undefined;
  #isNudged = false;
  #isStopped = false;
  #mayBeMore = false;
  /** True if a run has left during the look under way. */
  #hasNewRoom = false;
  #earliest = 0;

  constructor(options: DueWorkPollerOptions) {
    this.#options = options;
  }

  /**
   * Starts to look, after a pause if one is given. Nudges before the start have no effect, since
   * the start looks anyway. A nudge ends the pause.
   */
  start(look: () => Promise<LookResult>, afterMs = 0): void {
    this.#look = look;
    this.#plan(afterMs);
  }

  /** Looks for due work, since there may be some. */
  nudge(): void {
    if (!this.#look || this.#isNudged || this.#isStopped) return;
    this.#isNudged = true;
    if (!this.#underWay) this.#plan(Math.max(0, this.#earliest - performance.now()));
  }

  /** Looks if there was no room for what may be due. Call when a run has left. */
  room(): void {
    if (this.#underWay) this.#hasNewRoom = true;
    else if (this.#mayBeMore) this.nudge();
  }

  /** Stops and waits for the look under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#underWay;
  }

  #plan(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#underWay = this.#poll();
    }, ms);
  }

  async #poll(): Promise<void> {
    this.#isNudged = false;
    this.#hasNewRoom = false;
    const start = performance.now();
    const result = await this.#tryLook();
    this.#underWay = undefined;
    const now = performance.now();
    this.#earliest = now + pauseAfter(result, now - start);
    this.#mayBeMore = result !== 'nothing';
    this.#isNudged ||= this.#isFollowed(result);
    if (this.#isStopped) return;
    const { everyMs } = this.#options;
    if (this.#isNudged) this.#plan(this.#earliest - now);
    else if (everyMs !== undefined) this.#plan(everyMs);
  }

  async #tryLook(): Promise<LookResult | 'failed'> {
    try {
      return (await this.#look?.()) ?? 'nothing';
    } catch (error) {
      this.#options.onError(error);
      return 'failed';
    }
  }

  /** Returns whether another look follows, without a nudge and before `everyMs`. */
  #isFollowed(result: LookResult | 'failed'): boolean {
    if (result === 'found') return this.#options.everyMs === undefined;
    if (result === 'no_room') return this.#hasNewRoom; // a look with room has seen all that is due
    return result === 'failed';
  }
}

/** Returns the pause after a look that took so many milliseconds. */
function pauseAfter(result: LookResult | 'failed', took: number): number {
  if (result === 'failed') return MAX_PAUSE_MS;
  if (result !== 'nothing') return 0;
  return Math.min(Math.max(MIN_PAUSE_MS, took * PAUSES_PER_LOOK), MAX_PAUSE_MS);
}
