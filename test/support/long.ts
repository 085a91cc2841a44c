/**
 * What `npm run test:long` runs, and `npm test` leaves out: tests that break machines, walk the whole catalogue as one tenant
 * against another, play at random, or take a server up and down; none is about one feature. `npm run verify` runs both.
 */
export const LONG = [
  'test/api/hostile-strings.test.ts',
  'test/api/isolation-timing.test.ts',
  'test/api/isolation.test.ts',
  'test/api/mcp-rights.test.ts',
  'test/api/replica.test.ts',
  'test/api/rest/isolation.test.ts',
  'test/api/rest/many-streams.test.ts',
  'test/chaos/failpoints.test.ts',
  'test/chaos/kill.test.ts',
  'test/chaos/programme.test.ts',
  'test/chaos/soak.test.ts',
  'test/cli/backup.test.ts',
  'test/cli/validate-offline.test.ts',
  'test/db/closing-months.test.ts',
  'test/db/embedded.test.ts',
  'test/db/migrate.test.ts',
  'test/db/releases.test.ts',
  'test/db/months.test.ts',
  'test/db/months-attacked.test.ts',
  'test/rehearsals/backup.test.ts',
  'test/runtime/control-properties.test.ts',
  'test/runtime/fair-shares.test.ts',
  'test/runtime/retries.test.ts',
  'test/runtime/workflows-in-trouble.test.ts',
  'test/soak.test.ts',
  'test/sql/isolation-cost.test.ts',
  'test/sql/isolation-timing.test.ts',
  'test/sql/isolation.test.ts',
  'test/sql/quotas.test.ts',
  'test/workers/death.test.ts',
  'test/workers/many-workers.test.ts',
  'test/workers/only.test.ts',
  'test/workers/silence.test.ts',
];

/** Which files a run is about, by `HOWDAH_TESTS=long` and the command line: who names files means those, wherever they stand. */
export function filesOfRun(
  { HOWDAH_TESTS: kind }: NodeJS.ProcessEnv,
  argv: readonly string[],
): { include: string[]; exclude: string[] } {
  const all = ['test/**/*.test.ts'];
  if (kind === 'long') return { include: LONG, exclude: [] };
  const isNamed = argv.slice(2).some((word) => !/^(-|run$|list$|watch$)/.test(word));
  return { include: all, exclude: kind === 'all' || isNamed ? [] : LONG };
}
