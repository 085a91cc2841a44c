import { Argument, type Command, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { grants } from '../../../resources/administration/grants.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/**
 * Registers `howdah admin grants [list | show | create | change | delete]`: who may see, run or
 * edit an agent or workflow.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, resourceVerbs(grants, { register: withGrant, columns: columnsOf }));
}

function withGrant(command: Command): Command {
  return command
    .addArgument(
      new Argument('<permission>', 'what is permitted').choices(enumLabels.grant_permission),
    )
    .option('--agent <name>', 'agent that the grant applies to')
    .option('--workflow <name>', 'workflow that the grant applies to')
    .addOption(
      new Option('--role <role>', 'role that gets the permission').choices(enumLabels.user_role),
    )
    .option('--user <name>', 'user that gets the permission');
}

type Options = { agent?: string; workflow?: string; role?: string; user?: string };

function columnsOf(_io: CliIo, [permission]: readonly string[], options: object) {
  const { agent, workflow, role, user } = options as Options;
  return { permission, agent, workflow, ...(role && { role }), ...(user && { user }) };
}
