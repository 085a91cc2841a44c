import { type Command, Option } from 'commander';
import { listOperation } from '../../../operations/list-operation.ts';
import { addItems, addRun } from '../../../operations/quality/datasets.ts';
import { datasetItems } from '../../../resources/quality/dataset-items.ts';
import { datasets } from '../../../resources/quality/datasets.ts';
import type { Row } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { readArgument } from '../../input/input-argument.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRow, printRows, shortenRow } from '../../print/rows.ts';
import { atLine, readItems } from '../../quality/read-items.ts';
import { registerExport } from './dataset-export.ts';

type Options = { tenant?: string };

/** Registers `howdah dataset` with its verbs. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    ...resourceVerbs(datasets),
    { name: 'add', summary: 'add the items of a file to a data set', register: registerAdd },
    { name: 'add-run', summary: 'add a run to a data set', register: registerAddRun },
    { name: 'export', summary: 'write items or training examples', register: registerExport },
    { name: 'items', summary: 'list the items of a data set', register: registerItems },
  ]);
}

const withDataset = (command: Command) =>
  command
    .argument('<dataset>', 'name or id of the data set')
    .option(...TENANT_OPTION)
    .option(...API_OPTION);

function registerAdd(command: Command, io: CliIo): void {
  withDataset(command)
    .argument('<file>', 'JSON lines (.jsonl) or CSV (.csv) with input, expected, split, metadata')
    .addOption(new Option('--split <name>', 'split of items that name none'))
    .action(async (name: string, file: string, options: Options & { split?: string }) => {
      const { split, ...rest } = options;
      const read = await readItems(file);
      const items = read.map(({ item }) => (split === undefined ? item : { split, ...item }));
      const lines = read.map(({ line }) => line);
      const added = await withBackend(io, command, rest, async ({ call, definitions }) => {
        const { id } = await definitions.find(datasets, name);
        return call(addItems, { params: { id }, body: { items } }).catch((error) => {
          throw atLine(error, file, lines);
        });
      });
      if (io.json) printJson(io, added);
      else io.out(`${added.added} items added to ${name}`);
    });
}

type RunOptions = Options & {
  expected?: string;
  split?: string;
  metadata?: string;
  anonymize?: boolean;
  seq?: number;
};

function registerAddRun(command: Command, io: CliIo): void {
  withDataset(command)
    .argument('<run>', 'id of the run')
    .option('--expected <json|@file>', 'what the answer should have been (default: its answer)')
    .option('--split <name>', 'part of the data set')
    .option('--metadata <json|@file>', 'tags of the item')
    .option(
      '--anonymize',
      'withhold the names of users, what filters look for, addresses and long numbers',
    )
    .option(
      '--seq <n>',
      'the step whose answer is expected, or corrected (default: the whole run)',
      parseWholeNumber(1),
    )
    .action(async (name: string, run: string, options: RunOptions) => {
      const { expected, split, metadata, anonymize, seq, ...rest } = options;
      const body = {
        execution_id: run,
        ...(split !== undefined && { split }),
        ...(anonymize && { anonymize }),
        ...(seq !== undefined && { seq }),
        ...(expected !== undefined && { expected: await readArgument(io, 'expected', expected) }),
        ...(metadata !== undefined && {
          metadata: (await readArgument(io, 'metadata', metadata)) as Record<string, unknown>,
        }),
      };
      const item = await withBackend(io, command, rest, async ({ call, definitions }) => {
        const { id } = await definitions.find(datasets, name);
        return call(addRun, { params: { id }, body });
      });
      printRow(io, item as Row);
    });
}

function registerItems(command: Command, io: CliIo): void {
  withDataset(command).action(async (name: string, options: Options) => {
    const items = await withBackend(io, command, options, async ({ call, definitions }) => {
      const { id } = await definitions.find(datasets, name);
      const list = listOperation<Row>(datasetItems);
      return allRows((page) => call(list, { query: { dataset_id: id, ...page } }));
    });
    const shown = ['id', 'input', 'expected', 'split', 'metadata', 'removed_at'];
    printRows(io, { items, rows: items.map((row) => shortenRow(row, shown)), empty: 'No items.' });
  });
}
