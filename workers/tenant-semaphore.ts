import { KeyedSemaphore } from '../src/concurrency/keyed-semaphore.ts';
import { type Release, Semaphore } from '../src/concurrency/semaphore.ts';

/**
 * A semaphore with a limit in all and a limit per tenant, so that a tenant whose work does not end
 * delays only its own work. It joins two semaphores, because a caller needs a permit of both or of
 * none.
 */
export class TenantSemaphore {
  readonly #slots: Semaphore;
  readonly #ofTenants: KeyedSemaphore;

  constructor(atOnce: number, ofOneTenant: number) {
    this.#slots = new Semaphore(atOnce);
    this.#ofTenants = new KeyedSemaphore(ofOneTenant);
  }

  /** Takes a slot without waiting. Returns undefined when the tenant may have none now. */
  tryAcquire(tenant: string): Release | undefined {
    const releaseOwn = this.#ofTenants.tryAcquire(tenant);
    const release = releaseOwn && this.#slots.tryAcquire();
    if (!release) {
      releaseOwn?.();
      return undefined;
    }
    return () => {
      releaseOwn();
      release();
    };
  }
}
