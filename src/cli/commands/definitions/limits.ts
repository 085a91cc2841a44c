import { type Command, Option } from 'commander';
import type { DefinitionKind } from '../../backend/definition-kinds.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { createVerb, deleteVerb } from '../../nouns/create-and-delete.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

const LIMITS: DefinitionKind = {
  kind: 'limits',
  singular: 'limit',
  noun: 'admin limits',
  emptyMessage: 'No limits. Create one: howdah admin limits create cost 50 --period day',
  nameColumn: 'id',
};

/**
 * Registers `howdah admin limits [list | show | create | delete]`: limits of usage and of
 * concurrency.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(LIMITS),
    showVerb(LIMITS),
    createVerb(LIMITS, { register: withLimit, columns: columnsOf }),
    deleteVerb(LIMITS),
  ]);
}

function withLimit(command: Command): Command {
  return command
    .argument('<metric>', 'what is counted, such as runs, tokens, cost or running_runs')
    .argument('<max>', 'the most that is allowed, a number')
    .addOption(
      new Option('--period <period>', 'period that is counted').choices([
        'minute',
        'hour',
        'day',
        'month',
      ]),
    )
    .option('--scope <scope>', 'what is limited: tenant (default), user, agent, … docs/limits.md')
    .option('--subject <id>', 'id of the user, agent, … (default: each)', (text) =>
      uuidOf(text, 'a subject'),
    )
    .option('--key <key>', 'with --scope key: concurrency key of runs (default: each)');
}

type Options = { period?: string; scope?: string; subject?: string; key?: string };

function columnsOf(_io: CliIo, [metric, max_value]: readonly string[], options: object) {
  const { period, scope, subject, key } = options as Options;
  return {
    ...{ metric, max_value },
    ...(period && { period }),
    ...(scope && { scope }),
    ...(subject && { subject_id: subject }),
    ...(key && { key }),
  };
}
