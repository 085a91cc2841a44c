import type { Command } from 'commander';
import { tools } from '../../../resources/definitions/tools.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withFunctions } from '../../backend/tool-rows.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';
import { register as registerImport } from './import-openapi.ts';

/**
 * Registers `howdah tools [list [AGENT] | show | create | change | delete | import-openapi]`: all
 * tools, or the tools of one agent as its models see them.
 */
export function register(command: Command, io: CliIo): void {
  const [, ...others] = resourceVerbs(tools);
  withVerbs(command, io, [
    { name: 'list', summary: 'list the tools, or those of an agent', register: registerList },
    ...others,
  ]);
  registerImport(command, io);
}

function registerList(command: Command, io: CliIo): void {
  command
    .argument('[agent]', 'name of an agent; only its tools, as its models see them')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (agent: string | undefined, options: { tenant?: string }) => {
      const listing = await withBackend(io, command, options, ({ definitions }) =>
        agent === undefined
          ? definitions.list(tools).then(withFunctions)
          : definitions.listToolsOf(agent),
      );
      printRows(io, listing);
    });
}
