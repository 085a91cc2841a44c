import type { Command } from 'commander';
import { workflows } from '../../../resources/definitions/workflows.ts';
import type { CommandModule } from '../../command-entry.ts';
import { registerResource } from '../../nouns/resource-verbs.ts';
import { isWithoutVerb } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';
import { register as agents } from '../agents/agents.ts';
import { register as mcp } from '../agents/mcp.ts';
import { register as models } from '../agents/models.ts';
import { register as prompts } from '../agents/prompts.ts';
import { register as tools } from '../agents/tools.ts';
import { register as inboundHooks } from '../definitions/inbound-hooks.ts';
import { register as schedules } from '../definitions/schedules.ts';
import { register as secret } from '../definitions/secret.ts';
import { register as settings } from '../definitions/settings.ts';
import { register as webhooks } from '../definitions/webhooks.ts';
import { register as key } from '../people/key.ts';
import { register as questions } from '../people/questions.ts';
import { register as users } from '../people/users.ts';
import { register as runs } from './runs.ts';

type Noun = readonly [name: string, summary: string, register: CommandModule['register']];

const NOUNS: readonly Noun[] = [
  ['runs', 'list the newest runs', runs],
  ['agents', 'list the agents', agents],
  ['workflows', 'list the workflows', registerResource(workflows)],
  ['models', 'list the models', models],
  ['prompts', 'list the prompt templates', prompts],
  ['tools', 'list the tools, or those of an agent', tools],
  ['mcp', 'list the MCP servers', mcp],
  ['questions', 'list the questions that runs ask people', questions],
  ['schedules', 'list the schedules', schedules],
  ['webhooks', 'list the webhooks', webhooks],
  ['inbound-hooks', 'list the inbound hooks', inboundHooks],
  ['settings', 'list the settings', settings],
  ['users', 'list the users', users],
  ['keys', 'list the API keys', key],
  ['secrets', 'list the names of the secrets', secret],
];

/**
 * Registers `howdah ls [NOUN]`, which prints what `howdah NOUN list` prints, with the same options.
 * Without a noun it lists runs.
 */
export function register(command: Command, io: CliIo): void {
  for (const [index, [name, summary, registerNoun]] of NOUNS.entries()) {
    const noun = command.createCommand(name).copyInheritedSettings(command);
    registerNoun(noun, io);
    const list = noun.commands.find((verb) => verb.name() === 'list') ?? noun;
    list.name(name).helpCommand(false);
    list.description(index === 0 ? `${summary} (default)` : summary);
    command.addCommand(list, { isDefault: index === 0 });
    if (index === 0) isWithoutVerb(command, list);
  }
}
