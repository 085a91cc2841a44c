import { PrioritySemaphore } from '../src/runtime/scheduling/priority-semaphore.ts';

/**
 * A semaphore with a limit in all and a limit per tenant, so that a tenant whose work does not end
 * delays only its own work.
 */
export class TenantSemaphore {
  readonly #slots: PrioritySemaphore;
  readonly #ofOneTenant: number;
  readonly #busy = new Map<string, number>();

  constructor(atOnce: number, ofOneTenant: number) {
    this.#slots = new PrioritySemaphore(atOnce);
    this.#ofOneTenant = ofOneTenant;
  }

  /** Takes a slot. Returns false when there is no slot. `leave` must not be called in that case. */
  enter(tenant: string): boolean {
    const busy = this.#busy.get(tenant) ?? 0;
    if (busy >= this.#ofOneTenant || this.#slots.reserve(1) === 0) return false;
    this.#busy.set(tenant, busy + 1);
    return true;
  }

  leave(tenant: string): void {
    this.#slots.release();
    const left = (this.#busy.get(tenant) ?? 1) - 1;
    if (left > 0) this.#busy.set(tenant, left);
    else this.#busy.delete(tenant);
  }
}
