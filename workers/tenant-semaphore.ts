import { PrioritySemaphore } from '../src/runtime/scheduling/priority-semaphore.ts';

/** So many at once, and of one tenant no more than its part: whose work does not end holds up its own, not everybody's. */
export class TenantSemaphore {
  readonly #slots: PrioritySemaphore;
  readonly #ofOneTenant: number;
  readonly #busy = new Map<string, number>();

  constructor(atOnce: number, ofOneTenant: number) {
    this.#slots = new PrioritySemaphore(atOnce);
    this.#ofOneTenant = ofOneTenant;
  }

  /** False when there is no room: then nothing is to be left. */
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
