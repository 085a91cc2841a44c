import { createHash } from 'node:crypto';
import { type Command, Option } from 'commander';
import { isSameJson } from '../../../json/canonical-json.ts';
import { listOperation } from '../../../operations/list-operation.ts';
import {
  listPreferencePairs,
  listTrainingExamples,
  type PreferencePair,
  type TrainingExample,
} from '../../../operations/quality/examples.ts';
import { datasetItems } from '../../../resources/quality/dataset-items.ts';
import { datasets } from '../../../resources/quality/datasets.ts';
import type { Row } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allPages, allRows, type Page, type PageQuery } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseRate } from '../../input/parse-number.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import { dpoLine, itemLine, sftLine } from '../../quality/export-lines.ts';

type Options = {
  tenant?: string;
  format: 'jsonl' | 'sft' | 'dpo';
  split?: string;
  minScore: number;
};

/** Registers the verb `export`, which writes a line of JSON for each item or example. */
export function registerExport(command: Command, io: CliIo): void {
  command
    .argument('<dataset>', 'name or id of the data set')
    .addOption(
      new Option(
        '--format <format>',
        'jsonl: the items; sft: answers to fine-tune with; dpo: pairs of a better and a worse answer',
      )
        .choices(['jsonl', 'sft', 'dpo'])
        .default('jsonl'),
    )
    .option('--split <name>', 'only items of this split, and answers to them')
    .option('--min-score <score>', 'least score of an answer (sft)', parseRate, 0.8)
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (name: string, { format, split, minScore, ...options }: Options) => {
      await withBackend(io, command, options, async ({ call, definitions }) => {
        const { id: dataset_id } = await definitions.find(datasets, name);
        const rows = { dataset_id, ...(split !== undefined && { split }) };
        const lines = {
          jsonl: () =>
            itemLines((page) => call(listItems, { query: { ...page, dataset_id } }), split),
          sft: () =>
            exampleLines(
              (page) => call(listTrainingExamples, { query: { ...page, ...rows } }),
              minScore,
            ),
          dpo: () =>
            pairLines((page) => call(listPreferencePairs, { query: { ...page, ...rows } })),
        };
        if (format === 'jsonl')
          for await (const line of lines.jsonl()) io.out(JSON.stringify(line));
        else await printOnce(io, lines[format]());
      });
    });
}

const listItems = listOperation<Row>(datasetItems);

type Read<T> = (query: PageQuery) => Promise<Page<T>>;

/** Prints each example once: repeats of an item often have the same answer. */
async function printOnce(io: CliIo, lines: AsyncIterable<object>): Promise<void> {
  const printed = new Set<string>();
  for await (const line of lines) {
    const text = JSON.stringify(line);
    const digest = createHash('sha256').update(text).digest('base64');
    if (!printed.has(digest)) io.out(text);
    printed.add(digest);
  }
}

/** Lists items in the order in which they were added. A list is newest first. */
async function* itemLines(read: Read<Row>, split?: string) {
  const items = (await allRows(read)).filter(
    (item) => item.removed_at === null && (split === undefined || item.split === split),
  );
  yield* items.toReversed().map(itemLine);
}

async function* exampleLines(read: Read<TrainingExample>, minScore: number) {
  for await (const { data } of allPages(read)) {
    yield* data.filter(({ score }) => score >= minScore).map(sftLine);
  }
}

async function* pairLines(read: Read<PreferencePair>) {
  for await (const { data } of allPages(read)) {
    yield* data.map(dpoLine).filter(({ chosen, rejected }) => !isSameJson(chosen, rejected));
  }
}
