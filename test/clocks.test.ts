import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/**
 * Reads of a clock that measure a duration, or that are compared with a time. A test that judges
 * them fails on a slow or busy machine. Count rows, statements, pages, calls or messages instead:
 * `countRows`, `countWork`, `countAllocated` and `finish` of support/work.
 */
const CLOCKS = [
  /\bperformance\s*\.\s*(now|timeOrigin)\b/,
  /\b(hrtime|cpuUsage|threadCpuUsage)\b/,
  /\b(self_time|total_time|total_exec_time|mean_exec_time)\b/,
  /clock_timestamp\(\) ?-(?! ?interval)|- ?clock_timestamp\(\)/,
  /\bexpect\b.*\bDate\.now\(\)|\bDate\.now\(\).*\bto(Be|Equal|Match)/,
  /\bDate\.now\(\) - [a-z]|[\w)] - Date\.now\(\)/,
];

/** Files that may read a clock, and why their result does not depend on the speed of a machine. */
const ALLOWED: Readonly<Record<string, string>> = {
  'test/api-thread.test.ts': 'ends a loop that would never end',
  'test/api/mcp/follow-mcp-run.test.ts': 'lets some time pass',
  'test/api/rest/administration/administration.test.ts': 'a time is in the future, by months',
  'test/chaos/kill.test.ts': 'prints how long a recovery takes',
  'test/concurrency/fair-queue.test.ts': 'reads a simulated clock',
  'test/concurrency/thread-functions.ts': 'keeps a processor busy',
  'test/concurrency/within-time.test.ts': 'removes a function of Node 24',
  'test/console/five-tasks.test.ts': 'prints how long the pages of a task take',
  'test/runtime/control/patience.test.ts': 'an attempt began in the past',
  'test/runtime/control/retries.test.ts': 'a pause is never shorter than requested, however slow',
  'test/runtime/model-calls/model-failures.test.ts': 'a pause is never shorter than requested',
  'test/runtime/tool-calls/small-tools.test.ts': 'a time is between two reads of the same clock',
  'test/sql/limits/limits.test.ts': 'compares two ways to write one time',
  'test/sql/uuid_v7.test.ts': 'a time is between two reads of the same clock',
  'test/workers/death.test.ts': 'prints how long a recovery takes',
};

const ROOT = join(import.meta.dirname, '..');
const SELF = 'test/clocks.test.ts';

test('no test judges a clock', () => {
  const reading = globSync('test/**/*.ts', { cwd: ROOT })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file !== SELF)
    .filter((file) => {
      const text = readFileSync(join(ROOT, file), 'utf8');
      return text.split('\n').some((line) => CLOCKS.some((clock) => clock.test(line)));
    });
  expect(reading.sort()).toEqual(Object.keys(ALLOWED).sort());
});
