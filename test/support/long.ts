/**
 * What `npm test` leaves out, so that it takes minutes: tests that break machines, walk the whole catalogue as one tenant against
 * another, play at random, or take a server up and down; none is about one feature.
 */
const BREAKING = [
  'test/api/hostile-bodies.test.ts',
  'test/api-thread.test.ts',
  'test/api/hostile-strings.test.ts',
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
  'test/package.test.ts',
  'test/db/months-attacked.test.ts',
  'test/rehearsals/backup.test.ts',
  'test/rehearsals/hostile-bodies.test.ts',
  'test/runtime/control-properties.test.ts',
  'test/runtime/fair-shares.test.ts',
  'test/runtime/retries.test.ts',
  'test/runtime/workflows-in-trouble.test.ts',
  'test/soak.test.ts',
  'test/sql/isolation.test.ts',
  'test/sql/limits/limits.test.ts',
  'test/workers/death.test.ts',
  'test/workers/many-workers.test.ts',
  'test/workers/only.test.ts',
  'test/workers/silence.test.ts',
];

/** Whole files that take above seven seconds on two cores with nothing else to do: most start processes and servers of their own. */
const SLOW = [
  'test/api/a2a.test.ts',
  'test/api/ag-ui.test.ts',
  'test/api/bounds.test.ts',
  'test/api/drain.test.ts',
  'test/api/front-door.test.ts',
  'test/api/login.test.ts',
  'test/api/mcp-told.test.ts',
  'test/api/mcp-tools.test.ts',
  'test/api/mcp.test.ts',
  'test/api/pgbouncer.test.ts',
  'test/api/readyz.test.ts',
  'test/api/rest/sessions.test.ts',
  'test/api/rest/step-log.test.ts',
  'test/api/server.test.ts',
  'test/api/sockets.test.ts',
  'test/api/tenants.test.ts',
  'test/api/ws.test.ts',
  'test/cli/apply.test.ts',
  'test/cli/chat-over-api.test.ts',
  'test/cli/chat.test.ts',
  'test/cli/commands.test.ts',
  'test/cli/doctor.test.ts',
  'test/cli/doors.test.ts',
  'test/cli/guest.test.ts',
  'test/cli/howdah.test.ts',
  'test/cli/json.test.ts',
  'test/cli/logs-over-api.test.ts',
  'test/cli/mcp.test.ts',
  'test/cli/nouns.test.ts',
  'test/cli/plain-owner.test.ts',
  'test/cli/psql.test.ts',
  'test/cli/show-over-api.test.ts',
  'test/cli/validate.test.ts',
  'test/docs.test.ts',
  'test/errors/examples.test.ts',
  'test/providers/openai-stream.test.ts',
  'test/runtime/control-children.test.ts',
  'test/runtime/echoed-secrets.test.ts',
  'test/runtime/effects.test.ts',
  'test/runtime/embedding-router.test.ts',
  'test/runtime/engines.test.ts',
  'test/runtime/hooks.test.ts',
  'test/runtime/mail.test.ts',
  'test/runtime/many-messages.test.ts',
  'test/runtime/mcp-asks.test.ts',
  'test/runtime/mcp.test.ts',
  'test/runtime/model-failures.test.ts',
  'test/runtime/replay.test.ts',
  'test/runtime/run-code.test.ts',
  'test/runtime/secrets.test.ts',
  'test/runtime/small-tools.test.ts',
  'test/runtime/taint.test.ts',
  'test/runtime/workflows.test.ts',
  'test/sql/starts/watch_table.test.ts',
  'test/systems/hostile-yaml.test.ts',
  'test/systems/round-trip.test.ts',
];

/** What `npm run test:long` runs, and `npm test` leaves out. `npm run verify` runs both. */
export const LONG = [...BREAKING, ...SLOW];

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
