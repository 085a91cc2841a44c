import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { ARGUMENT_SOURCES } from '../../input/input-argument.ts';
import { forTenant } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import { type RunCommandOptions, startAndFollow, withOptions } from './run.ts';

/**
 * Registers `howdah run-agent --agent-id ID --message TEXT`: `run` for programs that know an agent
 * by id.
 */
export function register(command: Command, io: CliIo): void {
  withOptions(command)
    .requiredOption('--agent-id <id>', 'id of the agent')
    .requiredOption('--message <text>', `message to the agent; ${ARGUMENT_SOURCES}`)
    .action(
      async (options: RunCommandOptions & { agentId: string; message: string }, self: Command) => {
        const name = await withDatabase(io, (database) =>
          forTenant(database, options.tenant, (client) => nameOf(client, options.agentId)),
        );
        await startAndFollow(io, self, name, options.message, options);
      },
    );
}

async function nameOf(client: Pick<Pool, 'query'>, id: string): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `select name from howdah.agents
     where id::text = $1 and tenant_id = howdah.current_tenant() and deleted_at is null`,
    [id],
  );
  if (!rows[0]) {
    throw new HowdahError('HWNTF', `there is no agent ${id}`, { hint: 'List them: howdah agents' });
  }
  return rows[0].name;
}
