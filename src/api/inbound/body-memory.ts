/** Most bytes of the bodies of one hook that are read or verified at the same time. */
const MOST_OF_HOOK = 16 * 1024 * 1024;
/** Most bytes of the bodies of all hooks. */
const MOST = 64 * 1024 * 1024;

/**
 * Bounds the memory of bodies that are not verified yet, since everybody can send them. Bodies of
 * one hook leave room for those of other hooks.
 */
export class BodyMemory {
  readonly #ofHooks = new Map<string, number>();
  #used = 0;

  /** Takes memory for a body. Returns a function that gives it back, or undefined if it is full. */
  take(hookId: string, bytes: number): (() => void) | undefined {
    const ofHook = this.#ofHooks.get(hookId) ?? 0;
    if (ofHook + bytes > MOST_OF_HOOK || this.#used + bytes > MOST) return undefined;
    this.#add(hookId, bytes);
    let isTaken = true;
    return () => {
      if (isTaken) this.#add(hookId, -bytes);
      isTaken = false;
    };
  }

  #add(hookId: string, bytes: number): void {
    const ofHook = (this.#ofHooks.get(hookId) ?? 0) + bytes;
    if (ofHook > 0) this.#ofHooks.set(hookId, ofHook);
    else this.#ofHooks.delete(hookId);
    this.#used += bytes;
  }
}
