import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';

/** Something that happens in a run now, and that is not stored. */
export type LiveItem = { of: 'piece'; piece: TokenPiece } | { of: 'note'; note: ToolNote };

/** Follows what is not a row: the states of a key, and what is not stored. */
export type Observer<State> = {
  /** Called with the state at each read; undefined when the key does not exist any more. */
  onState(state: State | undefined): void;
  onLive?(item: LiveItem): void;
  /** Called when the follower is closed. */
  close(): void;
};

/** A followed key. It needs the announcements of some runs or sessions. */
export type Owner = {
  /** Called when one of its ids may have something new. */
  request(): void;
  /** Called for each piece and note of one of its ids. */
  offer(item: LiveItem): void;
};

export type AnnouncementsOptions = {
  /** Registers for the announcements of ids. */
  watch(ids: readonly string[]): Promise<void>;
  /** Called with ids that nobody needs any more. */
  onReleased(ids: readonly string[]): void;
};

type Watched = { owners: Set<Owner>; isRegistered: boolean };

/** The ids whose announcements one process needs, each with the followed keys that need it. */
export class Announcements {
  readonly #options: AnnouncementsOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #idsOf = new Map<Owner, ReadonlySet<string>>();

  constructor(options: AnnouncementsOptions) {
    this.#options = options;
  }

  /** Returns whether somebody needs the announcements of an id. */
  has(id: string): boolean {
    return this.#watched.has(id);
  }

  idsOf(owner: Owner): Iterable<string> {
    return this.#idsOf.get(owner) ?? [];
  }

  ownersOf(id: string): readonly Owner[] {
    return [...(this.#watched.get(id)?.owners ?? [])];
  }

  /** Sets the ids that an owner needs. Releases those that nobody needs any more. */
  set(owner: Owner, ids: ReadonlySet<string>): void {
    const before = this.#idsOf.get(owner) ?? new Set();
    if (ids.size > 0) this.#idsOf.set(owner, ids);
    else this.#idsOf.delete(owner);
    for (const id of ids) {
      const watched = this.#watched.get(id) ?? { owners: new Set(), isRegistered: false };
      watched.owners.add(owner);
      this.#watched.set(id, watched);
    }
    const released = [...before].filter((id) => !ids.has(id) && this.#release(id, owner));
    if (released.length > 0) this.#options.onReleased(released);
  }

  /**
   * Registers the ids of these owners that are not registered yet. Returns the owners that had such
   * an id.
   */
  async register<One extends Owner>(owners: readonly One[]): Promise<One[]> {
    const missing = new Map<string, Watched>();
    const isMissing = (id: string) => {
      const watched = this.#watched.get(id);
      if (watched?.isRegistered !== false) return false;
      missing.set(id, watched);
      return true;
    };
    const found = owners.filter((one) => [...this.idsOf(one)].filter(isMissing).length > 0);
    if (missing.size === 0) return [];
    await this.#options.watch([...missing.keys()]);
    // an id that was released meanwhile has lost its entry
    for (const watched of missing.values()) watched.isRegistered = true;
    return found;
  }

  /** Forgets which ids are registered, so that the next reads register them again. */
  forgetRegistrations(): void {
    for (const watched of this.#watched.values()) watched.isRegistered = false;
  }

  #release(id: string, owner: Owner): boolean {
    const watched = this.#watched.get(id);
    watched?.owners.delete(owner);
    return watched?.owners.size === 0 && this.#watched.delete(id);
  }
}
