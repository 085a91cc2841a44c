import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { diffOf } from '../../../systems/diff.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { applySystemFiles, FILE_OPTION, readSystemFiles } from '../../files/read-systems.ts';
import { executionId, isUuid } from '../../input/resolve-id.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printUnprunedObjects, printWarnings } from '../../print/plans.ts';
import { printRunComparison } from '../../print/run-comparison.ts';

type FileOptions = { tenant?: string; prune?: true };
type Options = FileOptions & { exitCode?: true };

/**
 * Registers `howdah diff`.
 *
 * - `howdah diff FILE…` shows what an apply would change, entry by entry. The status is 1 if
 *   anything would change.
 * - `howdah diff RUN RUN` shows in what two runs differ, and from which step on. The status is 1
 *   only with `--exit-code`.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '<files...>',
      'agent system files (YAML or JSON, see docs/files.md), or folders of packs (see docs/packs.md); - reads standard input; or the ids of two runs',
    )
    .option(...FILE_OPTION)
    .option('--prune', 'for files: include what `apply --prune` would delete')
    .option(...TENANT_OPTION)
    .option('--exit-code', 'for runs: exit with 1 if they differ')
    .option(...API_OPTION)
    .action((words: string[], options: Options, self: Command) => {
      if (!words.some(isUuid)) {
        if (options.exitCode) throw notOfFiles();
        return diffFiles(io, words, options, self);
      }
      return diffRuns(io, words, options, self);
    });
}

async function diffFiles(
  io: CliIo,
  paths: string[],
  { tenant, prune }: FileOptions,
  self: Command,
): Promise<void> {
  // a dry run writes models too, and takes them back
  await withBackend(io, self, { tenant, writesModels: true }, async ({ call }) => {
    const files = await readSystemFiles(paths, io.stdin);
    const plans = await applySystemFiles(call, files, { prune: prune === true, dryRun: true });
    const changes = plans.flatMap(({ objects }) =>
      objects.filter(({ action }) => action !== 'unchanged'),
    );
    if (changes.length > 0) io.setExitCode(exitCodes.error);
    if (io.json) return printJson(io, { changes, kept: plans.flatMap(({ kept }) => kept) });
    for (const plan of plans) {
      printWarnings(io, plan);
      printUnprunedObjects(io, plan);
    }
    for (const text of plans.map(diffOf).filter((diff) => diff !== '')) io.out(text);
  });
}

async function diffRuns(
  io: CliIo,
  words: string[],
  options: Options,
  self: Command,
): Promise<void> {
  const [a, b] = twoRuns(words, options);
  const compared = await withBackend(io, self, {}, ({ runs }) => runs.compare(a, b));
  if (!compared.is_same && options.exitCode) io.setExitCode(exitCodes.error);
  if (io.json) printJson(io, compared);
  else printRunComparison(io, compared);
}

/**
 * Returns the ids of the two runs. A file whose name looks like an id has to be named with its
 * folder: `./…`.
 */
function twoRuns(words: string[], { prune, tenant }: Options): [string, string] {
  const hint =
    'Use howdah diff ID ID, or howdah diff FILE. For a file whose name looks like an id, write ./NAME.';
  if (prune || tenant !== undefined) {
    const option = prune ? '--prune' : '--tenant';
    throw new HowdahError(
      'EUSAGE',
      `${option} applies to files, but the arguments are executions`,
      { hint },
    );
  }
  const [a = '', b, ...more] = words;
  if (b === undefined) {
    throw new HowdahError('EUSAGE', 'only one execution is given; a comparison needs two', {
      hint,
    });
  }
  if (more.length > 0 || !words.every(isUuid)) {
    throw new HowdahError(
      'EUSAGE',
      'executions cannot be combined with other arguments; a comparison needs exactly two',
      {
        hint,
      },
    );
  }
  return [executionId(a), executionId(b)];
}

function notOfFiles(): HowdahError {
  return new HowdahError(
    'EUSAGE',
    '--exit-code applies to executions, but the arguments are files',
    { hint: 'For files, the exit status is 1 whenever anything would change.' },
  );
}
