import { type Command, InvalidArgumentError } from 'commander';
import { answerHere } from '../answer-here.ts';
import { withDatabase } from '../database.ts';
import { showUntilEnd } from '../follow.ts';
import { ELSEWHERE, givenText } from '../given.ts';
import { executionId, knownExecution } from '../ids.ts';
import { type CliIo, printJson } from '../output.ts';
import { helpAsWorker } from '../own-worker.ts';

type ForkOptions = { seq: number; input?: string; version?: number; detach?: true };

/** `howdah fork ID --seq N`: a new run that shares the first steps of another, and goes on from there. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the execution')
    .requiredOption('--seq <n>', 'how many of its steps to share; 0 begins anew', wholeNumber)
    .option(
      '--input <text>',
      `at 0 instead of the first input, later what the user says next; ${ELSEWHERE}`,
    )
    .option('--version <n>', "run on this version of the agent, not on the original's", wholeNumber)
    .option('--detach', 'print the id of the new execution and return at once')
    .action(async (text: string, options: ForkOptions) => {
      const id = executionId(text);
      const { input: said } = options;
      const input = said === undefined ? null : await givenText(io, 'the input', said);
      await withDatabase(io, async (database) => {
        const { rows } = await database.pool.query(
          'select id from howdah.fork_execution($1, $2, $3, $4)',
          [await knownExecution(database.db, id), options.seq, input, options.version ?? null],
        );
        const copy: string = rows[0].id;
        if (options.detach) {
          return io.json ? printJson(io, { id: copy }) : io.out(copy);
        }
        io.err(`execution ${copy}`);
        await helpAsWorker(io, database, () =>
          showUntilEnd(io, database.url, copy, {
            after: options.seq,
            onQuestion: (one) => answerHere(io, database.pool, one),
          }),
        );
      });
    });
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isInteger(number) || number < 0) {
    throw new InvalidArgumentError('It is a whole number from 0 on.');
  }
  return number;
}
