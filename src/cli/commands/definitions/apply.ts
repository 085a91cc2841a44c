import type { Command } from 'commander';
import type { Plan } from '../../../db/access/agent-systems.ts';
import type { CallOperation } from '../../backend/call-operation.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { changesOf } from '../../files/file-changes.ts';
import {
  applySystemFiles,
  FILE_OPTION,
  readSystemFiles,
  refuseWatchedStdin,
} from '../../files/read-systems.ts';
import { confirmPrune, YES_OPTION } from '../../input/confirm-option.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { reportOf } from '../../output/exit-codes.ts';
import { type CliIo, printError, printJson } from '../../output/output.ts';
import { plansAsJson, printPlans } from '../../print/plans.ts';

type Options = { tenant?: string; dryRun?: true; prune?: true; watch?: true; yes?: true };

/** Registers `howdah apply FILE…`, which applies all files or none and reports each object. */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '<files...>',
      'agent system files (YAML or JSON, see docs/files.md), or folders of packs (see docs/packs.md); - reads standard input',
    )
    .option(...FILE_OPTION)
    .option('--dry-run', 'show what would be done; change nothing')
    .option('--prune', 'delete objects of these systems that their files no longer contain')
    .option(...YES_OPTION)
    .option('--watch', 'apply again whenever a file is saved, until Ctrl-C')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action((paths: string[], options: Options, self: Command) => {
      const { tenant } = options;
      if (options.watch) refuseWatchedStdin(paths);
      return withBackend(io, self, { tenant, writesModels: true }, async ({ call }) => {
        if (options.watch) return watch(io, call, paths, options);
        return apply(io, call, paths, options);
      });
    });
}

async function apply(io: CliIo, call: CallOperation, paths: readonly string[], options: Options) {
  const files = await readSystemFiles(paths, io.stdin);
  const plan = () => applySystemFiles(call, files, { ...options, dryRun: true });
  if (!(await confirmPrune(io, options, plan))) return;
  show(io, await applySystemFiles(call, files, options));
}

/** Applies the files after each save. A faulty file is reported, and the next save is awaited. */
async function watch(io: CliIo, call: CallOperation, paths: readonly string[], options: Options) {
  const stopped = new AbortController();
  io.onInterrupt(() => stopped.abort());
  for await (const _ of changesOf(paths, stopped.signal)) {
    await apply(io, call, paths, options).catch((error) => printError(io, reportOf(error)));
    io.err('Waiting for the next save. Press Ctrl-C to stop.');
  }
}

function show(io: CliIo, plans: readonly Plan[]): void {
  if (io.json) printJson(io, { systems: plansAsJson(plans) });
  else printPlans(io, plans);
}
