import { availableParallelism } from 'node:os';
import {
  moduleBeside,
  ThreadFault,
  type ThreadFunction,
  ThreadPool,
} from '../../concurrency/thread-pool.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { type parseQuery, type ReadQuery, rejectQuery } from './parse.ts';

/** The time limit of one query. The longest one takes about a second on a slow machine. */
const DEADLINE_MS = 10_000;

const PARSE: ThreadFunction<Parameters<typeof parseQuery>, Outcome<ReadQuery>> = {
  module: moduleBeside('./parse.ts', import.meta.url),
  name: 'parseQuery',
};

const sharedThreads = new ThreadPool({
  size: Math.min(2, availableParallelism()),
  max_per_key: 1,
  heap_mb: 256,
  budget: { burst_ms: 5_000, share: 0.25 },
  max_waiting: 20,
});

/**
 * Parses a query of a tenant in another thread, so that the event loop serves others meanwhile. The
 * parser takes up to a second for 20,000 characters, and some 100 ms for short queries.
 */
export async function parseInThread(
  tenantId: string,
  query: string,
  threads = sharedThreads,
): Promise<Outcome<ReadQuery>> {
  try {
    return await threads.run(PARSE, [query, null], { key: tenantId, deadline_ms: DEADLINE_MS });
  } catch (error) {
    if (!(error instanceof ThreadFault)) throw error;
    return parseFailure(error);
  }
}

function parseFailure({ code, message }: ThreadFault): Outcome<never> {
  switch (code) {
    case 'deadline':
      return rejectQuery(`it takes more than ${DEADLINE_MS} ms to read`, 'Write it shorter.');
    case 'memory':
      return rejectQuery('it needs too much memory to read', 'Write it shorter.');
    case 'busy': {
      const reason = 'too many queries of this tenant wait to be read';
      return { ok: false, error: { code: 'overloaded', message: reason, retryable: true } };
    }
    default:
      throw new Error(`reading a query failed: ${message}`);
  }
}
