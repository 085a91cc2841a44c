import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { exportSystem } from '../../../operations/definitions/agent-systems.ts';
import { writeFile } from '../../../systems/write-file.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import { writeOutput } from '../../output/write-output.ts';

type Options = { tenant?: string; out?: string; unowned?: true };

/**
 * Registers `howdah dev export [NAME]`, which exports a system as a file that applies to the same
 * digest. The same system gives the same bytes.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '[name]',
      'name of the agent system, which is the set of objects of one file (default: the only one)',
    )
    .option(
      '--unowned',
      'export the objects that belong to no agent system, as a system named after the tenant',
    )
    .option('--out <file>', 'file to write (default: stdout)')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (name: string | undefined, { tenant, unowned, out }: Options, self: Command) => {
      if (name !== undefined && unowned) {
        throw new HowdahError(
          'EUSAGE',
          '--unowned cannot be combined with the name of an agent system',
        );
      }
      const query = unowned ? { unowned: 'true' as const } : { name };
      const { document, left_out } = await withBackend(io, self, { tenant }, ({ call }) =>
        call(exportSystem, { query }),
      );
      for (const { path, message } of left_out) io.err(`warning: ${path}: ${message}`);
      const text = io.json ? JSON.stringify(document) : writeFile(document);
      await writeOutput(io, text.replace(/\n$/, ''), out);
    });
}
