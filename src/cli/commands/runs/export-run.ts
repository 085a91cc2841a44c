import type { Command } from 'commander';
import { exportRun } from '../../../db/queries/queries.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { executionId, requireExecution } from '../../input/resolve-id.ts';
import type { CliIo } from '../../output/output.ts';
import { writeOutput } from '../../output/write-output.ts';

/**
 * Registers `howdah runs export ID`, which exports all that a replay needs of a run. The same run
 * gives the same bytes.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the run')
    .option('--out <file>', 'file to write (default: stdout)')
    .option('--redact', 'replace text, arguments and results with [redacted]')
    .action(async (text: string, { out, redact }: { out?: string; redact?: boolean }) => {
      const id = executionId(text);
      await withDatabase(io, async ({ db }) => {
        const how = { isForPeople: !io.json, redact };
        await writeOutput(io, await exportRun(db, await requireExecution(db, id), how), out);
      });
    });
}
