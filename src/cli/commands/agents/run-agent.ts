import type { Command } from 'commander';
import { agents } from '../../../resources/definitions/agents.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { ARGUMENT_SOURCES } from '../../input/input-argument.ts';
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
    .option(...API_OPTION)
    .action(
      async (options: RunCommandOptions & { agentId: string; message: string }, self: Command) => {
        const { tenant, agentId, message } = options;
        const { name } = await withBackend(io, self, { tenant }, ({ definitions }) =>
          definitions.find(agents, agentId),
        );
        await startAndFollow(io, self, String(name), message, options);
      },
    );
}
