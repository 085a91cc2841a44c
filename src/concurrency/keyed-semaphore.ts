import { type AcquireOptions, type Release, Semaphore } from './semaphore.ts';

/**
 * A semaphore for each key, all with the same number of permits. A key takes no memory while nobody
 * has a permit of it.
 */
export class KeyedSemaphore {
  readonly #permits: number;
  readonly #semaphores = new Map<string, Semaphore>();

  constructor(permitsPerKey: number) {
    this.#permits = permitsPerKey;
  }

  /** The number of keys of which somebody has a permit. */
  get size(): number {
    return this.#semaphores.size;
  }

  /** Takes a permit of a key without waiting. Returns undefined when none is free. */
  tryAcquire(key: string): Release | undefined {
    const release = this.#of(key).tryAcquire();
    return release && this.#forgetting(key, release);
  }

  /** Takes a permit of a key or waits for one, as `Semaphore.acquire` does. */
  async acquire(key: string, options: AcquireOptions = {}): Promise<Release> {
    options.signal?.throwIfAborted(); // before the key is remembered
    return this.#forgetting(key, await this.#of(key).acquire(options));
  }

  #of(key: string): Semaphore {
    const semaphore = this.#semaphores.get(key) ?? new Semaphore(this.#permits);
    this.#semaphores.set(key, semaphore);
    return semaphore;
  }

  /** Makes a release also forget the key if nobody has a permit of it any more. */
  #forgetting(key: string, release: Release): Release {
    return () => {
      release();
      if (this.#semaphores.get(key)?.isIdle) this.#semaphores.delete(key);
    };
  }
}
