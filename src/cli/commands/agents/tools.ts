import type { Command } from 'commander';
import { API_OPTION } from '../../backend/connect-server.ts';
import type { DefinitionKind } from '../../backend/definition-kinds.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';
import { register as registerImport } from './import-openapi.ts';

const TOOLS: DefinitionKind = {
  kind: 'tools',
  singular: 'tool',
  noun: 'tools',
  emptyMessage: 'No tools.',
  restPath: '/api/tools',
  columns: [
    'id',
    'name',
    'kind',
    'effect',
    'requires_approval',
    'timeout_ms',
    'is_active',
    'capabilities',
    'domain',
  ],
};

/**
 * Registers `howdah tools [list [AGENT] | show | import-openapi]`: all tools, or the tools of one
 * agent as its models see them.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'list the tools, or those of an agent', register: registerList },
    showVerb(TOOLS),
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
        agent === undefined ? definitions.list(TOOLS) : definitions.listToolsOf(agent),
      );
      printRows(io, listing);
    });
}
