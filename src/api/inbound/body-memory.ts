/** Most bytes of the bodies of one hook that are not verified yet. */
const MOST_OF_HOOK = 16 * 1024 * 1024;
/** Most bytes of such bodies of all hooks. */
const MOST = 64 * 1024 * 1024;

/** The memory of one body. */
export type BodyPlace = {
  /** Fires when the body, which is still arriving, has to make room for another one. */
  signal: AbortSignal;
  /** Marks the body as complete. No other body displaces it any more. */
  arrived(): void;
  giveBack(): void;
};

type Taken = { hookId: string; bytes: number; leaving: AbortController; isArriving: boolean };

/**
 * Bounds the memory of bodies that are not verified yet, since everybody can send them. A body for
 * which there is no room displaces the one that has been arriving for longest: that of a sender
 * that is slow, or only pretends to send. Bodies of one hook leave room for those of other hooks.
 */
export class BodyMemory {
  /** In the order of their arrival. */
  readonly #taken = new Set<Taken>();

  /** Takes memory for a body. Returns undefined if it is full of bodies that have arrived. */
  take(hookId: string, bytes: number): BodyPlace | undefined {
    const isOfHook = (one: Taken) => one.hookId === hookId;
    if (!this.#makeRoom(bytes, MOST_OF_HOOK, isOfHook)) return undefined;
    if (!this.#makeRoom(bytes, MOST, () => true)) return undefined;
    const leaving = new AbortController();
    const taken: Taken = { hookId, bytes, leaving, isArriving: true };
    this.#taken.add(taken);
    return {
      signal: leaving.signal,
      arrived() {
        taken.isArriving = false;
      },
      giveBack: () => void this.#taken.delete(taken),
    };
  }

  /** Displaces bodies of a kind until there is room for another one. Returns false if none is. */
  #makeRoom(bytes: number, most: number, isOfKind: (one: Taken) => boolean): boolean {
    const all = [...this.#taken].filter(isOfKind);
    let used = all.reduce((sum, one) => sum + one.bytes, bytes);
    for (const one of all) {
      if (used <= most) break;
      if (!one.isArriving) continue;
      used -= one.bytes;
      this.#taken.delete(one);
      one.leaving.abort();
    }
    return used <= most;
  }
}
