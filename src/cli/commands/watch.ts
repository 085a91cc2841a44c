import { type Command, InvalidArgumentError } from 'commander';
import { API_OPTION, apiFor, showOverApi, tenantOverApi } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { latestRun, latestRunOverApi } from '../input/latest-run.ts';
import { executionId, requireExecution } from '../input/resolve-id.ts';
import { forTenant, TENANT_OPTION } from '../input/resolve-tenant.ts';
import type { CliIo } from '../output/output.ts';
import { showUntilEnd } from '../print/live-run.ts';

type Options = { after: number; tenant?: string };

/**
 * Registers `howdah watch [ID]`, which shows the steps so far, and then each new step as it
 * commits.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[id]', 'id of the execution (default: your newest run)')
    .option(...TENANT_OPTION)
    .option('--after <seq>', 'only steps after this one', seq, 0)
    .option(...API_OPTION)
    .action(async (text: string | undefined, options: Options, self: Command) => {
      const named = text === undefined ? undefined : executionId(text);
      const api = await apiFor(io, self);
      if (api) {
        if (options.tenant !== undefined) throw tenantOverApi();
        return showOverApi(io, api, named ?? reportRunId(io, await latestRunOverApi(api)), options);
      }
      await withDatabase(io, async (database) => {
        const id = named
          ? await requireExecution(database.db, named)
          : reportRunId(io, await forTenant(database, options.tenant, latestRun));
        await showUntilEnd(io, database.url, id, { after: options.after });
      });
    });
}

/** Prints and returns the id of a run that the user has not named. */
function reportRunId(io: CliIo, id: string): string {
  io.err(`execution ${id}`);
  return id;
}

function seq(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) {
    throw new InvalidArgumentError('Use the seq of a step, a whole number of 0 or more.');
  }
  return number;
}
