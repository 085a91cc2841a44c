const QUIET_TURNS = 3;

type Waiting = { callId: string; resolve(turn: Turn): void };

/** `next`: the record says it is this call's turn. `forced`: it never will be, since nothing else happens any more. */
export type Turn = 'next' | 'forced' | 'gone';

/**
 * Calls that run side by side come back in an order of their own: here they are held until it is their turn by the
 * record. Nothing in a replay takes time, so when some turns of the event loop bring nothing new, nothing will.
 */
export class RecordedOrder {
  readonly #isTurnOf: (callId: string) => boolean;
  #waiting: Waiting[] = [];
  #events = 0;

  constructor(isTurnOf: (callId: string) => boolean) {
    this.#isTurnOf = isTurnOf;
  }

  /** Resolves when it is the call's turn. */
  turnOf(callId: string): Promise<Turn> {
    this.#events += 1;
    if (this.#isTurnOf(callId)) {
      return Promise.resolve('next');
    }
    return new Promise((resolve) => {
      this.#waiting.push({ callId, resolve });
      this.#watch();
    });
  }

  /** The record went on: whoever is next now is let in. */
  moved(): void {
    this.#events += 1;
    const next = this.#waiting.find(({ callId }) => this.#isTurnOf(callId));
    if (next) {
      this.#release(next, 'next');
    } else {
      this.#watch();
    }
  }

  /** Nothing more is made here: all that wait are let go. */
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

  #release(one: Waiting, turn: Turn): void {
    this.#waiting = this.#waiting.filter((other) => other !== one);
    this.#events += 1;
    one.resolve(turn);
  }
}
