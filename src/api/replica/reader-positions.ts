import { LRUCache } from 'lru-cache';
import type { Subject } from '../../db/access/subjects.ts';

/** The maximum number of readers with a position of their own. */
const MAX_READERS = 10_000;

export type PositionReader = Pick<Subject, 'tenantId' | 'userId'>;

/**
 * The position that a reader must see. Undefined means the end of the log at the time of the next
 * read.
 */
type Requirement = { position: bigint | undefined };

/**
 * The positions of the log that readers must see. Beyond the maximum, the reader used least
 * recently is evicted. Evicted readers share one position, which is not before the position of any
 * of them. So memory is bounded, and no reader misses what it wrote.
 */
export class ReaderPositions {
  readonly #readEnd: () => Promise<bigint>;
  readonly #readers: LRUCache<string, Requirement>;
  /** The requirement of all readers without one of their own. */
  #shared: Requirement = { position: 0n };

  /** `readEnd` reads the end of the log. */
  constructor(readEnd: () => Promise<bigint>, most = MAX_READERS) {
    this.#readEnd = readEnd;
    this.#readers = new LRUCache({
      max: most,
      dispose: (requirement, _key, reason) => {
        if (reason === 'evict') this.#shared = later(this.#shared, requirement);
      },
    });
  }

  /** The number of readers with a position of their own. */
  get size(): number {
    return this.#readers.size;
  }

  /** Requires that the next read of a reader sees everything that is written by then. */
  requireLatest(reader: PositionReader): Requirement {
    const requirement = { position: undefined };
    this.#readers.set(keyOf(reader), requirement);
    return requirement;
  }

  /** Returns the position that the reader must see, or 0 if there is none. */
  async find(reader: PositionReader): Promise<bigint> {
    const requirement = this.#readers.get(keyOf(reader)) ?? this.#shared;
    requirement.position ??= await this.#readEnd();
    return requirement.position;
  }
}

function keyOf({ tenantId, userId }: PositionReader): string {
  return `${tenantId} ${userId ?? ''}`;
}

/**
 * Returns a requirement that covers both. It is a new object, because a read under way may still
 * set the position of an old one.
 */
function later(one: Requirement, other: Requirement): Requirement {
  if (one.position === undefined || other.position === undefined) return { position: undefined };
  return { position: one.position > other.position ? one.position : other.position };
}
