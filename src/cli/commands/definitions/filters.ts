import { type Command, InvalidArgumentError, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import {
  type FilterAction,
  type FilteredValue,
  type FilterPlace,
  filterPlaces,
} from '../../../db/access/output-filters.ts';
import { previewOutputFilters } from '../../../operations/administration/output-filters.ts';
import { outputFilters } from '../../../resources/administration/output-filters.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { changeVerb } from '../../nouns/change.ts';
import { createVerb, deleteVerb } from '../../nouns/create-and-delete.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';

type NewOptions = { agent?: string; action: FilterAction; places?: FilterPlace[] };
type TestOptions = { tenant?: string; agent?: string; place: FilterPlace };

/**
 * Registers `howdah admin filters [list | show | add | change | remove | test]`: the filters for
 * text that must not leave a run, or must not be stored when people send it.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(outputFilters),
    showVerb(outputFilters),
    {
      ...createVerb(outputFilters, { register: withFilter, columns: columnsOf }),
      name: 'add',
      summary: 'add a filter for a pattern in the output or input of runs',
    },
    changeVerb(outputFilters),
    { ...deleteVerb(outputFilters), name: 'remove' },
    {
      name: 'test',
      summary: 'show what the filters do to some text',
      register: registerTest,
    },
  ]);
}

function withFilter(command: Command): Command {
  return command
    .argument('<name>', 'name of the filter; redact replaces matches with [NAME withheld]')
    .argument('<pattern>', 'a PostgreSQL regular expression')
    .addOption(
      new Option('--action <action>', 'what to do with a match')
        .choices(enumLabels.filter_action)
        .default('redact'),
    )
    .option(
      '--places <list>',
      `places to search, separated by commas: any of ${filterPlaces.join(',')} (default: all but input)`,
      placesOf,
    )
    .option('--agent <name>', 'only in runs of this agent');
}

function columnsOf(_io: CliIo, [name, pattern]: readonly string[], options: object) {
  const { agent, action, places } = options as NewOptions;
  return { name, pattern, action, ...(agent && { agent }), ...(places && { places }) };
}

function placesOf(text: string): FilterPlace[] {
  const isPlace = (word: string): word is FilterPlace => filterPlaces.some((one) => one === word);
  const words = text.split(',').map((word) => word.trim());
  const wrong = words.find((word) => !isPlace(word));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(`'${wrong}' is not one of ${filterPlaces.join(', ')}.`);
  }
  return words.filter(isPlace);
}

function registerTest(command: Command, io: CliIo): void {
  command
    .argument('<text>', `text to filter; ${ARGUMENT_SOURCES}`)
    .addOption(
      new Option('--place <place>', 'place in which the text occurs')
        .choices([...filterPlaces])
        .default('output'),
    )
    .option('--agent <name>', 'also apply the filters of this agent')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (sent: string, { tenant, place, agent }: TestOptions, self: Command) => {
      const text = await readTextArgument(io, 'the text', sent);
      const body = { text, place, ...(agent !== undefined && { agent }) };
      const found = await withBackend(io, self, { tenant }, ({ call }) =>
        call(previewOutputFilters, { body }),
      );
      if (io.json) printJson(io, found);
      else printFiltered(io, found);
    });
}

function printFiltered(io: CliIo, { value, hits }: Pick<FilteredValue, 'value' | 'hits'>): void {
  io.out(value === null ? '' : String(value));
  const matched = hits
    .map(({ filter, action, matches }) => `${filter} (${action}, ${matches}×)`)
    .join(', ');
  if (value === null) io.err(`Blocked: ${matched}.`);
  else io.err(matched ? `Matched: ${matched}.` : 'No filter matched.');
}
