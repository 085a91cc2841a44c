const QUIET_TURNS = 3;

type Waiting = { callId: string; resolve(turn: RecordedTurn): void };

/**
 * Result of waiting for a turn. `next`: it is the turn of the call according to the record.
 * `forced`: its turn will never come, because nothing else happens any more. `gone`: the claim has
 * ended.
 */
export type RecordedTurn = 'next' | 'forced' | 'gone';

/**
 * Makes concurrent calls return in the recorded order: each call is held until its turn. Nothing in
 * a replay takes time. Therefore, when a few turns of the event loop bring nothing new, nothing new
 * will come.
 */
export class RecordedOrder {
  readonly #isTurnOf: (callId: string) => boolean;
  #waiting: Waiting[] = [];
  #events = 0;

  constructor(isTurnOf: (callId: string) => boolean) {
    this.#isTurnOf = isTurnOf;
  }

  /** Resolves when it is the call's turn. */
  turnOf(callId: string): Promise<RecordedTurn> {
    this.#events += 1;
    if (this.#isTurnOf(callId)) {
      return Promise.resolve('next');
    }
    return new Promise((resolve) => {
      this.#waiting.push({ callId, resolve });
      this.#watch();
    });
  }

  /** Lets the next call continue after the record has advanced. */
  releaseNext(): void {
    this.#events += 1;
    const next = this.#waiting.find(({ callId }) => this.#isTurnOf(callId));
    if (next) {
      this.#release(next, 'next');
    } else {
      this.#watch();
    }
  }

  /** Releases all waiting calls, because nothing more is made here. */
  end(): void {
    for (const one of this.#waiting.splice(0)) {
      one.resolve('gone');
    }
  }

  #watch(turns = QUIET_TURNS): void {
    const seen = this.#events;
    setImmediate(() => {
      const [first] = this.#waiting;
      if (!first || seen !== this.#events) {
        return;
      }
      if (turns > 1) {
        this.#watch(turns - 1);
      } else {
        this.#release(first, 'forced');
      }
    });
  }

  #release(one: Waiting, turn: RecordedTurn): void {
    this.#waiting = this.#waiting.filter((other) => other !== one);
    this.#events += 1;
    one.resolve(turn);
  }
}
