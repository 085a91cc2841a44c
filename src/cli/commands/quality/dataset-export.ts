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
import { allPages, type Page, type PageQuery } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseRate } from '../../input/parse-number.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import { dpoLine, itemLine, sftLine } from '../../quality/export-lines.ts';

type Options = { tenant?: string; format: 'jsonl' | 'sft' | 'dpo'; minScore: number };

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
    .option('--min-score <score>', 'least score of an answer (sft)', parseRate, 0.8)
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (name: string, { format, minScore, ...options }: Options) => {
      await withBackend(io, command, options, async ({ call, definitions }) => {
        const { id: dataset_id } = await definitions.find(datasets, name);
        const lines = {
          jsonl: () => itemLines((query) => call(listItems, { query: { ...query, dataset_id } })),
          sft: () =>
            exampleLines(
              (query) => call(listTrainingExamples, { query: { ...query, dataset_id } }),
              minScore,
            ),
          dpo: () =>
            pairLines((query) => call(listPreferencePairs, { query: { ...query, dataset_id } })),
        };
        for await (const line of lines[format]()) io.out(JSON.stringify(line));
      });
    });
}

const listItems = listOperation<Row>(datasetItems);

type Read<T> = (query: PageQuery) => Promise<Page<T>>;

async function* itemLines(read: Read<Row>) {
  for await (const { data } of allPages(read)) {
    yield* data.filter(({ removed_at }) => removed_at === null).map(itemLine);
  }
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
