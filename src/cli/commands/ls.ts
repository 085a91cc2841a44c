import type { Command } from 'commander';
import type { CommandModule } from '../command-entry.ts';
import { isWithoutVerb } from '../nouns/subcommands.ts';
import type { CliIo } from '../output/output.ts';
import { register as agents } from './agents.ts';
import { register as executions } from './executions.ts';
import { register as key } from './key.ts';
import { register as mcp } from './mcp.ts';
import { register as models } from './models.ts';
import { register as prompts } from './prompts.ts';
import { register as questions } from './questions.ts';
import { register as schedules } from './schedules.ts';
import { register as secret } from './secret.ts';
import { register as settings } from './settings.ts';
import { register as tools } from './tools.ts';
import { register as users } from './users.ts';
import { register as webhooks } from './webhooks.ts';
import { register as workflows } from './workflows.ts';

type Noun = readonly [name: string, summary: string, register: CommandModule['register']];

const NOUNS: readonly Noun[] = [
  ['runs', 'the newest runs', executions],
  ['agents', 'the agents there are', agents],
  ['workflows', 'how agents work together', workflows],
  ['models', 'the models agents ask', models],
  ['prompts', 'the templates agents are instructed by', prompts],
  ['tools', 'the tools there are, or of an agent', tools],
  ['mcp', 'the MCP servers agents use', mcp],
  ['questions', 'what runs ask people', questions],
  ['schedules', 'what begins runs at its times', schedules],
  ['webhooks', 'who is told of runs', webhooks],
  ['settings', 'the numbers the engine goes by', settings],
  ['users', 'the people of a tenant', users],
  ['keys', 'API keys for programs', key],
  ['secrets', 'the names of secrets', secret],
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
    list.description(index === 0 ? `${summary}; so it is without a noun` : summary);
    command.addCommand(list, { isDefault: index === 0 });
    if (index === 0) isWithoutVerb(command, list);
  }
}
