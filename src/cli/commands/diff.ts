import type { Command } from 'commander';
import { diffOf } from '../../systems/diff.ts';
import { withDatabase } from '../database.ts';
import { exitCodes } from '../exit-codes.ts';
import { type CliIo, printJson } from '../output.ts';
import { printKept, printWarnings } from '../plans.ts';
import { applyFiles, readSystemFiles } from '../system-files.ts';
import { TENANT_OPTION } from '../tenants.ts';

type Options = { tenant?: string; prune?: true };

/** `howdah diff FILE…`: what an apply would change, entry by entry; the status is 1 when anything. */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '<files...>',
      'agent system files, YAML or JSON, and folders of packs; - reads standard input',
    )
    .option('--prune', 'with what `apply --prune` would delete')
    .option(...TENANT_OPTION)
    .action((paths: string[], options: Options) =>
      withDatabase(io, async (database) => {
        const files = await readSystemFiles(paths, io.stdin);
        const plans = await applyFiles(database, files, { ...options, dryRun: true });
        const changes = plans.flatMap(({ objects }) =>
          objects.filter(({ action }) => action !== 'unchanged'),
        );
        if (changes.length > 0) io.setExitCode(exitCodes.error);
        if (io.json) return printJson(io, { changes, kept: plans.flatMap(({ kept }) => kept) });
        for (const plan of plans) {
          printWarnings(io, plan);
          printKept(io, plan);
        }
        for (const text of plans.map(diffOf).filter((diff) => diff !== '')) io.out(text);
      }),
    );
}
