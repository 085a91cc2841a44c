import { type Command, InvalidArgumentError, Option } from 'commander';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { executionId } from '../../input/resolve-id.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import { showUntilEnd, TREE_OPTION } from '../../print/live-run.ts';

type Options = { after?: number; tree?: true; tenant?: string };

/**
 * Registers `howdah watch [ID]`, which shows the steps so far, and then each new step as it
 * commits. With `--tree`, also shows the runs below: sub-agents and members of workflows.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '[id]',
      'id of the run (default: the newest root run of your user, or of the tenant if your login has no user)',
    )
    .option(...TENANT_OPTION)
    .option(...TREE_OPTION)
    .addOption(
      new Option('--after <seq>', 'only steps after this one').argParser(seq).conflicts('tree'),
    )
    .option(...API_OPTION)
    .action(async (text: string | undefined, options: Options, self: Command) => {
      const named = text === undefined ? undefined : executionId(text);
      await withBackend(io, self, options, async ({ runs }) => {
        const id = named ?? (await runs.latest());
        if (named === undefined) io.err(`execution ${id}`);
        const { after = 0, tree = false } = options;
        await showUntilEnd(io, runs, id, { after, tree });
      });
    });
}

function seq(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new InvalidArgumentError('Use the seq of a step, a whole number of 0 or more.');
  }
  return number;
}
