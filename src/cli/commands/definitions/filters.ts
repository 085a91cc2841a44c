import { type Command, InvalidArgumentError, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import {
  addFilter,
  type FilterAction,
  type FilterPlace,
  filterPlaces,
  listFilters,
  type OutputFilter,
  removeFilter,
  tryFilters,
} from '../../../db/access/output-filters.ts';
import { joinNames } from '../../../text/join-names.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { confirm, YES_OPTION } from '../../input/confirm-option.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

type Options = {
  tenant?: string;
  yes?: true;
  agent?: string;
  action?: FilterAction;
  place?: FilterPlace;
  places?: FilterPlace[];
};

/**
 * Registers `howdah admin filters list | add | remove | test`: the filters for text that must not
 * leave a run, or must not be stored when people send it.
 */
export function register(command: Command, io: CliIo): void {
  const add = (usage: string, description: string) =>
    command
      .command(usage)
      .description(description)
      .option(...TENANT_OPTION);
  add('list', 'list the filters').action(({ tenant }: Options) => list(io, tenant));
  add('add', 'add a filter for a pattern in the output or input of runs')
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
    .option('--agent <name>', 'only in runs of this agent')
    .action((name: string, pattern: string, options: Options) => put(io, name, pattern, options));
  add('remove', 'delete a filter')
    .argument('<name>', 'name of the filter')
    .option(...YES_OPTION)
    .action((name: string, options: Options) => remove(io, name, options));
  add('test', 'show what the filters do to some text')
    .argument('<text>', `text to filter; ${ARGUMENT_SOURCES}`)
    .addOption(
      new Option('--place <place>', 'place in which the text occurs')
        .choices([...filterPlaces])
        .default('output'),
    )
    .option('--agent <name>', 'also apply the filters of this agent')
    .action(async (text: string, options: Options) =>
      test(io, await readTextArgument(io, 'the text', text), options),
    );
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

async function list(io: CliIo, tenant: string | undefined): Promise<void> {
  await withDatabase(io, async (database) => {
    show(io, await forTenant(database, tenant, (client) => listFilters(client)));
  });
}

async function put(io: CliIo, name: string, pattern: string, options: Options): Promise<void> {
  const { tenant, action = 'redact', ...others } = options;
  await withDatabase(
    io,
    async (database) => {
      const rows = await forTenant(database, tenant, async (client) => {
        await addFilter(client, { name, pattern, action, ...others });
        return listFilters(client, name);
      });
      show(io, rows);
    },
    { createsDatabase: true },
  );
}

async function remove(io: CliIo, name: string, { tenant, yes }: Options): Promise<void> {
  await withDatabase(io, async (database) => {
    const what = `This deletes the filter ${name}: its matches are no longer withheld.`;
    if (!(await confirm(io, what, yes))) return;
    await forTenant(database, tenant, async (client) => {
      if (await removeFilter(client, name)) return;
      const names = (await listFilters(client)).map((filter) => filter.name);
      throw new HowdahError('HWNTF', `there is no filter named '${name}'`, {
        hint: names.length > 0 ? `There are: ${joinNames(names)}.` : 'There are no filters.',
        detail: { filter: name },
      });
    });
    if (io.json) return printJson(io, { name });
    io.err(`Filter ${name} is deleted.`);
  });
}

async function test(io: CliIo, text: string, { tenant, place, agent }: Options): Promise<void> {
  await withDatabase(io, async (database) => {
    const found = await forTenant(database, tenant, (client) =>
      tryFilters(client, text, place ?? 'output', agent),
    );
    if (io.json) return printJson(io, found);
    io.out(found.value === null ? '' : String(found.value));
    const hits = found.hits
      .map(({ filter, action, matches }) => `${filter} (${action}, ${matches}×)`)
      .join(', ');
    io.err(
      found.value === null
        ? `Blocked: ${hits}.`
        : hits
          ? `Matched: ${hits}.`
          : 'No filter matched.',
    );
  });
}

function show(io: CliIo, items: OutputFilter[]): void {
  const rows = items.map((row) => ({ ...row, places: row.places.join(',') }));
  const empty =
    'There are no filters: output and input of runs are not filtered. See docs/trust.md.';
  printRows(io, { items, rows, empty });
}
