import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The slowest files. If one of them started last, the whole run would wait for it. */
const FIRST = [
  'test/sql/quality/coverage.test.ts',
  'test/packaging/package.test.ts',
  'test/resources/five-places.test.ts',
  'test/api/lists/side-list-plans.test.ts',
  'test/console/quality/quality-pages.test.ts',
  'test/api/rest/isolation.test.ts',
  'test/chaos/evaluation.test.ts',
  'test/cli/backend/owner-without-superuser.test.ts',
  'test/console/rows/knowledge.test.ts',
  'test/chaos/failpoints.test.ts',
  'test/db/schema/migrate.test.ts',
  'test/workers/silence.test.ts',
  'test/chaos/kill.test.ts',
  'test/api/every-endpoint/isolation.test.ts',
  'test/runtime/control/control-properties.test.ts',
  'test/runtime/scheduling/fair-shares.test.ts',
  'test/workers/many-workers.test.ts',
  'test/runtime/control/retries.test.ts',
  'test/cli/backend/unreachable.test.ts',
  'test/api/mcp/notifications.test.ts',
  'test/cli/commands/agents/mcp.test.ts',
  'test/docs/reference.test.ts',
  'test/api/login/login.test.ts',
  'test/cli/commands/commands.test.ts',
  'test/runtime/mcp/mcp.test.ts',
  'test/runtime/mcp/mcp-asks.test.ts',
];

/**
 * Sorts files even if no earlier run has stored durations, when Vitest knows only the sizes of the
 * files. Files with their own process run first, because Vitest ends a shared process for them.
 */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = FIRST.indexOf(relative(this.ctx.config.root, moduleId).replaceAll('\\', '/'));
      return found < 0 ? FIRST.length : found;
    };
    const shared = ({ project }: TestSpecification) => Number(!project.config.isolate);
    return (await super.sort(files)).sort((a, b) => shared(a) - shared(b) || place(a) - place(b));
  }
}
