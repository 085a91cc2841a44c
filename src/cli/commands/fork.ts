import { type Command, InvalidArgumentError } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { API_OPTION, type Api, apiFor, showOverApi } from '../backend/connect.ts';
import { type CliDatabase, withDatabase } from '../backend/database.ts';
import { promptForAnswer } from '../chat/prompt-for-answer.ts';
import { ARGUMENT_SOURCES, readJsonArgument, readTextArgument } from '../input/input-argument.ts';
import { executionId, requireExecution } from '../input/resolve-id.ts';
import { changesIn, type SetOption, setOption } from '../input/set-option.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { showUntilEnd } from '../print/live-run.ts';
import { runInlineWorker } from '../process/inline-worker.ts';

type ForkOptions = {
  seq?: number;
  input?: string;
  set?: SetOption;
  inputData?: string;
  version?: number;
  detach?: true;
};

/**
 * Registers `howdah fork ID --seq N`, which starts a run that shares the first steps of another run
 * and continues from there. `--set input.place=value` starts a run from the beginning with other
 * data.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the execution')
    .option(
      '--from, --seq <n>',
      'number of steps to share; 0 starts from the beginning (default with --set and --data)',
      wholeNumber,
    )
    .option(
      '--input <text>',
      `with --seq 0 the new first input, else the next user message; ${ARGUMENT_SOURCES}`,
    )
    .option(
      '--set <place=value>',
      'with --seq 0: change a value of its data, such as input.order.number=1001, or input=TEXT; may be repeated',
      setOption,
    )
    .option(
      '--data, --input-data <json>',
      `with --seq 0: replace its data, as JSON; ${ARGUMENT_SOURCES}`,
    )
    .option(
      '--version <n>',
      'version of the agent (default: the version of the original run)',
      wholeNumber,
    )
    .option('--detach', 'print the id of the new execution and return immediately')
    .option(...API_OPTION)
    .action(async (text: string, options: ForkOptions, self: Command) => {
      const id = executionId(text);
      const seq = seqOf(options);
      const forkInput = await readInput(io, options);
      const isDetached = options.detach === true;
      const api = await apiFor(io, self);
      if (api) {
        const copy = await forkedOverApi(api, id, seq, forkInput);
        if (reportRunId(io, copy, isDetached)) return;
        return showOverApi(io, api, copy, { after: seq, isLeftWaiting: true });
      }
      await withDatabase(io, async (database) => {
        const copy = await forked(database, id, seq, forkInput);
        if (reportRunId(io, copy, isDetached)) return;
        await runInlineWorker(io, database, () =>
          showUntilEnd(io, database.url, copy, {
            after: seq,
            onQuestion: (one) => promptForAnswer(io, database.pool, one),
          }),
        );
      });
    });
}

async function forked(
  { pool, db }: CliDatabase,
  id: string,
  seq: number,
  { input, version, data, changes }: ForkInput,
): Promise<string> {
  const { rows } = await pool.query(
    'select id from howdah.fork_execution($1, $2, $3, $4, $5, $6)',
    [await requireExecution(db, id), seq, input, version, data, changes],
  );
  return rows[0].id;
}

async function forkedOverApi(
  api: Api,
  id: string,
  seq: number,
  { input, version, data, changes }: ForkInput,
): Promise<string> {
  const run = await api.call('forkExecution', {
    params: { id },
    body: {
      seq,
      ...(input !== null && { input }),
      ...(version !== null && { version }),
      ...(data !== null && { input_data: JSON.parse(data) }),
      ...(changes !== null && { changes: JSON.parse(changes) }),
    },
  });
  return run.id;
}

/** Prints the id of the run, as the result if nobody follows the run. Returns `isDetached`. */
function reportRunId(io: CliIo, id: string, isDetached: boolean): boolean {
  if (!isDetached) io.err(`execution ${id}`);
  else if (io.json) printJson(io, { id });
  else io.out(id);
  return isDetached;
}

/**
 * Returns the number of steps to share. A fork that changes data starts from the beginning by
 * default.
 */
function seqOf({ seq, set, inputData }: ForkOptions): number {
  if (seq === undefined && set === undefined && inputData === undefined) {
    throw new HowdahError('EUSAGE', 'the number of steps to share is missing: --seq', {
      hint: '--seq 0 starts from the beginning. --seq 7 continues after step 7. --set input.PLACE=VALUE starts from the beginning with other data.',
    });
  }
  return seq ?? 0;
}

/**
 * The differences of the new run. `data` and `changes` are JSON text in which no number is rounded.
 */
type ForkInput = {
  input: string | null;
  version: number | null;
  data: string | null;
  changes: string | null;
};

async function readInput(io: CliIo, options: ForkOptions): Promise<ForkInput> {
  const { input, set, inputData, version = null } = options;
  if (input !== undefined && set?.input !== undefined) {
    throw new HowdahError('EUSAGE', 'the input is given twice, in --input and in --set input=…', {
      hint: 'Omit one of them.',
    });
  }
  return {
    input:
      input === undefined ? (set?.input ?? null) : await readTextArgument(io, 'the input', input),
    version,
    data: (await readJsonArgument(io, 'data', inputData)) ?? null,
    changes: set ? changesIn(set) : null,
  };
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isInteger(number) || number < 0) {
    throw new InvalidArgumentError('Use a whole number of 0 or more.');
  }
  return number;
}
