import type { Command } from 'commander';
import { exportRun } from '../../../operations/runs/run-export.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { executionId } from '../../input/resolve-id.ts';
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
    .option(...API_OPTION)
    .action(async (text: string, { out, redact }: { out?: string; redact?: boolean }, self) => {
      const params = { id: executionId(text) };
      const query = { redact: flagOf(redact === true), pretty: flagOf(!io.json) };
      const document = await withBackend(io, self, {}, async ({ runs, call }) => {
        await runs.find(params.id);
        return call(exportRun, { params, query });
      });
      await writeOutput(io, document, out);
    });
}

const flagOf = (is: boolean): 'true' | 'false' => (is ? 'true' : 'false');
