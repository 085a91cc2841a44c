/** Most bytes of the bodies of one hook that are not handed to the database yet. */
const MAX_BYTES_PER_HOOK = 16 * 1024 * 1024;
/** Most bytes of such bodies of all hooks. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Memory that is reserved for one body. */
export type BodyReservation = {
  /** Fires when the body, which is still arriving, has to make room for another one. */
  signal: AbortSignal;
  /** Marks the body as complete. No other body displaces it any more. */
  markComplete(): void;
  release(): void;
};

type Reserved = { key: string; bytes: number; leaving: AbortController; isArriving: boolean };

/**
 * Bounds the memory of bodies that are not verified and mapped yet, since everybody can send them.
 * A body for which there is no room displaces the one that has been arriving for longest: that of a
 * sender that is slow, or only pretends to send. Bodies of one hook leave room for those of other
 * hooks.
 */
export class BodyMemory {
  /** Reservations in the order of their arrival. */
  readonly #reserved = new Set<Reserved>();

  /**
   * Reserves memory for a body with the key of its hook. Returns undefined, and displaces nothing,
   * if there is no room for the body.
   */
  reserve(key: string, bytes: number): BodyReservation | undefined {
    const all = [...this.#reserved];
    const ofHook = bodiesToDisplace(
      all.filter((one) => one.key === key),
      MAX_BYTES_PER_HOOK - bytes,
    );
    if (!ofHook) return undefined;
    const others = all.filter((one) => !ofHook.includes(one));
    const ofAll = bodiesToDisplace(others, MAX_BYTES - bytes);
    if (!ofAll) return undefined;
    for (const one of [...ofHook, ...ofAll]) {
      this.#reserved.delete(one);
      one.leaving.abort();
    }
    const leaving = new AbortController();
    const reserved: Reserved = { key, bytes, leaving, isArriving: true };
    this.#reserved.add(reserved);
    return {
      signal: leaving.signal,
      markComplete() {
        reserved.isArriving = false;
      },
      release: () => void this.#reserved.delete(reserved),
    };
  }
}

/**
 * Returns the bodies to displace, the oldest first, so that the others take at most `most` bytes.
 * Returns undefined if the bodies that are complete take more.
 */
function bodiesToDisplace(bodies: readonly Reserved[], most: number): Reserved[] | undefined {
  let used = bodies.reduce((sum, one) => sum + one.bytes, 0);
  const displaced: Reserved[] = [];
  for (const one of bodies) {
    if (used <= most) break;
    if (!one.isArriving) continue;
    used -= one.bytes;
    displaced.push(one);
  }
  return used <= most ? displaced : undefined;
}
