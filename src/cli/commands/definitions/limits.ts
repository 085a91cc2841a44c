import { Argument, type Command, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { parseNumber } from '../../../json/parse-json.ts';
import { limits } from '../../../resources/administration/limits.ts';
import { parseAmount } from '../../input/parse-number.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/**
 * Registers `howdah admin limits [list | show | create | change | delete]`: limits of usage and of
 * concurrency.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, resourceVerbs(limits, { register: withLimit, columns: columnsOf }));
}

function withLimit(command: Command): Command {
  return command
    .addArgument(
      new Argument('<metric>', 'what is counted (see docs/limits.md)').choices(
        enumLabels.limit_metric,
      ),
    )
    .argument('<max>', 'maximum that is allowed, as a number', parseAmount)
    .addOption(
      new Option('--period <period>', 'period over which usage is counted').choices(
        enumLabels.limit_period,
      ),
    )
    .addOption(
      new Option('--scope <scope>', 'what is limited (default: the tenant)').choices(
        enumLabels.limit_scope,
      ),
    )
    .option(
      '--subject <id>',
      'id of the user, agent, … (default: the limit applies to each one)',
      (text) => uuidOf(text, 'a subject'),
    )
    .option(
      '--key <key>',
      'with --scope key: concurrency key of runs (default: the limit applies to each key)',
    );
}

type Options = { period?: string; scope?: string; subject?: string; key?: string };

function columnsOf(_io: CliIo, [metric, max]: readonly unknown[], options: object) {
  const { period, scope, subject, key } = options as Options;
  return {
    ...{ metric, max_value: parseNumber(String(max)) ?? max },
    ...(period && { period }),
    ...(scope && { scope }),
    ...(subject && { subject_id: subject }),
    ...(key && { key }),
  };
}
