import { moduleBeside, type ThreadPool } from '../../../src/concurrency/thread-pool.ts';
import type { detectLanguage } from '../../../src/knowledge/detect-language.ts';
import { languageSample } from '../../../src/knowledge/language-sample.ts';

const DETECT = {
  module: moduleBeside('../../../src/knowledge/detect-language.ts', import.meta.url),
  name: 'detectLanguage' satisfies (typeof detectLanguage)['name'],
};

/** The most time to detect the language of a sample, which takes less than a millisecond. */
export const DETECT_MS = 1_000;

type Caller = { threads: ThreadPool; tenantId: string; signal: AbortSignal };

/**
 * Detects the language of the parts of a document in a thread, which loads the detector with the
 * first text that is long enough. Returns null if the language is undecided.
 */
export async function detectInThread(
  { threads, tenantId, signal }: Caller,
  parts: Iterable<{ content: string }>,
): Promise<string | null> {
  const sample = languageSample(parts);
  if (sample === undefined) return null;
  type Samples = Parameters<typeof detectLanguage>;
  const call = { key: tenantId, deadline_ms: DETECT_MS, signal };
  return threads.run<Samples, string | null>(DETECT, [sample], call);
}
