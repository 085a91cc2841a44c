import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { exportDocument, listSystems } from '../../../db/access/agent-systems.ts';
import { inTenant, type Queryable } from '../../../db/connection/pool.ts';
import { writeFile } from '../../../systems/write-file.ts';
import { joinNames } from '../../../text/join-names.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
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
    .action(async (name: string | undefined, options: Options) => {
      if (name !== undefined && options.unowned) {
        throw new HowdahError(
          'EUSAGE',
          '--unowned cannot be combined with the name of an agent system',
        );
      }
      await withDatabase(io, async ({ db, pool }) => {
        const { id } = await tenantOf(db, options.tenant);
        const { document, left_out } = await inTenant(pool, id, async (client) =>
          exportDocument(
            client,
            options.unowned ? undefined : (name ?? (await onlySystem(client))),
          ),
        );
        for (const { path, message } of left_out) io.err(`warning: ${path}: ${message}`);
        const text = io.json ? JSON.stringify(document) : writeFile(document);
        await writeOutput(io, text.replace(/\n$/, ''), options.out);
      });
    });
}

/**
 * Returns the name of the only system. Returns undefined if there is no system: objects made by
 * hand are then exported. Throws `EUSAGE`.
 */
async function onlySystem(client: Queryable): Promise<string | undefined> {
  const names = await listSystems(client);
  if (names.length < 2) return names[0];
  throw new HowdahError('EUSAGE', 'the name is missing, and there are several agent systems', {
    hint: `There are: ${joinNames(names)}. For what belongs to none: howdah dev export --unowned`,
  });
}
