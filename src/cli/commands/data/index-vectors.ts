import { type Command, InvalidArgumentError } from 'commander';
import {
  type IndexOutcome,
  indexVectors,
  type PlannedIndex,
  plannedIndexes,
} from '../../../db/knowledge/index-vectors.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { DRY_RUN_OPTION } from '../../input/confirm-option.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import type { CliIo } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

type Options = { memory?: number; dryRun?: true };

/** Registers `howdah admin index-vectors`, which does now what a worker does each night. */
export function register(command: Command, io: CliIo): void {
  command
    .option(
      '--memory <megabytes>',
      'the most memory of a build (default: 512, or maintenance_work_mem if it is more)',
      megabytes,
    )
    .option(...DRY_RUN_OPTION)
    .action(({ memory, dryRun }: Options) =>
      withDatabase(io, async ({ pool, url }) => {
        if (dryRun) return show(io, await plannedIndexes(pool));
        const outcomes = await indexVectors({ url, memoryMb: memory });
        if (outcomes === undefined)
          io.err('Another session is building indexes, so this command built none.');
        show(io, outcomes ?? []);
        if (outcomes?.some(({ error }) => error !== null)) io.setExitCode(exitCodes.error);
      }),
    );
}

function show(io: CliIo, items: readonly (PlannedIndex | IndexOutcome)[]): void {
  const empty = 'No index of vectors is to be created or dropped.';
  printRows(io, { items, rows: items, empty });
}

function megabytes(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1_000_000) return value;
  throw new InvalidArgumentError('Use a whole number of megabytes, such as 2048.');
}
