import { Slots } from '../src/runtime/slots.ts';

/** Who has not come again for so long waits no more: somebody else took it, or it is gone. */
const FORGOTTEN_MS = 5_000;

/**
 * So many at once, and of one tenant no more than its part: whose work does not end holds up its own, not everybody's. Who names
 * himself besides (`who`) gives way to those that waited already when he left, so that what is slow does not keep its place.
 */
export class TenantSlots {
  readonly #slots: Slots;
  readonly #ofOneTenant: number;
  readonly #now: () => number;
  readonly #busy = new Map<string, number>();
  readonly #waiting = new Map<string, { tenant: string; since: number; seen: number }>();
  readonly #left = new Map<string, number>();

  constructor(atOnce: number, ofOneTenant: number, now: () => number = () => performance.now()) {
    this.#slots = new Slots(atOnce);
    this.#ofOneTenant = ofOneTenant;
    this.#now = now;
  }

  /** False when there is no room, or it is somebody else's turn: then nothing is to be left. */
  enter(tenant: string, who?: string): boolean {
    if (!this.#hasRoom(tenant) || this.#givesWay(who) || this.#slots.reserve(1) === 0) {
      if (who !== undefined) this.#wait(tenant, who);
      return false;
    }
    this.#busy.set(tenant, (this.#busy.get(tenant) ?? 0) + 1);
    if (who !== undefined) this.#waiting.delete(who);
    return true;
  }

  leave(tenant: string, who?: string): void {
    this.#slots.release();
    const left = (this.#busy.get(tenant) ?? 1) - 1;
    if (left > 0) this.#busy.set(tenant, left);
    else this.#busy.delete(tenant);
    if (this.#waiting.size === 0) this.#left.clear();
    else if (who !== undefined) this.#left.set(who, this.#now());
  }

  #hasRoom(tenant: string): boolean {
    return (this.#busy.get(tenant) ?? 0) < this.#ofOneTenant;
  }

  #wait(tenant: string, who: string): void {
    const seen = this.#now();
    this.#waiting.set(who, { tenant, seen, since: this.#waiting.get(who)?.since ?? seen });
  }

  #givesWay(who?: string): boolean {
    const left = who === undefined ? undefined : this.#left.get(who);
    if (left === undefined) return false;
    for (const [other, { tenant, since, seen }] of this.#waiting) {
      if (seen < this.#now() - FORGOTTEN_MS) this.#waiting.delete(other);
      else if (other !== who && since <= left && this.#hasRoom(tenant)) return true;
    }
    return false;
  }
}
