import { type Command, InvalidArgumentError } from 'commander';
import { API_OPTION, apiFor, showOverApi, tenantOverApi } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { latestRun, latestRunOverApi } from '../input/latest-run.ts';
import { executionId, requireExecution } from '../input/resolve-id.ts';
import { forTenant, TENANT_OPTION } from '../input/resolve-tenant.ts';
import type { CliIo } from '../output/output.ts';
import { showUntilEnd } from '../print/live-run.ts';

type Options = { after: number; tenant?: string };

/** `howdah watch [ID]`: the steps so far, then each new one as it commits. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[id]', 'the execution; left out, the newest run of yours')
    .option(...TENANT_OPTION)
    .option('--after <seq>', 'only steps after this one', seq, 0)
    .option(...API_OPTION)
    .action(async (text: string | undefined, options: Options, self: Command) => {
      const named = text === undefined ? undefined : executionId(text);
      const api = await apiFor(io, self);
      if (api) {
        if (options.tenant !== undefined) throw tenantOverApi();
        return showOverApi(io, api, named ?? told(io, await latestRunOverApi(api)), options);
      }
      await withDatabase(io, async (database) => {
        const id = named
          ? await requireExecution(database.db, named)
          : told(io, await forTenant(database, options.tenant, latestRun));
        await showUntilEnd(io, database.url, id, { after: options.after });
      });
    });
}

/** Which run it is, for who has not named it. */
function told(io: CliIo, id: string): string {
  io.err(`execution ${id}`);
  return id;
}

function seq(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) {
    throw new InvalidArgumentError('It is the seq of a step, a whole number from 0 on.');
  }
  return number;
}
