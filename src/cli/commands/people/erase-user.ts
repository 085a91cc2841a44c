import { type Command, Option } from 'commander';
import type { ErasureMode } from '../../../db/queries/personal-data.ts';
import { eraseUser } from '../../../operations/administration/users.ts';
import { users } from '../../../resources/administration/users.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { confirm, DRY_RUN_OPTION, YES_OPTION } from '../../input/confirm-option.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../../output/output.ts';

type EraseOptions = {
  tenant?: string;
  mode: ErasureMode;
  cancelLive?: boolean;
  dryRun?: boolean;
  yes?: boolean;
};

/** Registers `howdah admin users erase NAME`, which anonymises or deletes the data of a person. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'name or id of the user')
    .option(...TENANT_OPTION)
    .addOption(
      new Option(
        '--mode <mode>',
        'with anonymise, erase the text and keep the numbers; with delete, delete whole runs',
      )
        .choices(['anonymise', 'delete'])
        .makeOptionMandatory(),
    )
    .option(
      '--cancel-live',
      'cancel runs of the user that have not ended; without this option, the command fails if there are any',
    )
    .option(...DRY_RUN_OPTION)
    .option(...YES_OPTION)
    .option(...API_OPTION)
    .action(
      async (
        name: string,
        { tenant, mode, cancelLive = false, dryRun = false, yes }: EraseOptions,
      ) => {
        await withBackend(io, command, { tenant }, async ({ definitions, call }) => {
          const { id } = await definitions.find(users, name);
          const what = mode === 'delete' ? 'deletes the runs' : 'erases the text of the runs';
          if (!dryRun && !(await confirm(io, `This ${what} of ${name}.`, yes))) return;
          const body = { mode, cancel_live: cancelLive, dry_run: dryRun };
          const erased = await call(eraseUser, { params: { id }, body });
          if (io.json) return printJson(io, dryRun ? { dry_run: true, ...erased } : erased);
          const { files, mode: _, user_id, ...counts } = erased;
          for (const [what, count] of Object.entries(counts)) io.out(`${count} ${what}`);
          if (dryRun) return io.err('Dry run: nothing was done.');
          if (files.length > 0) io.err(`Workers will delete these files: ${files.join(', ')}`);
        });
      },
    );
}
