import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import type { NewFork } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import {
  ARGUMENT_SOURCES,
  readJsonArgument,
  readTextArgument,
} from '../../input/input-argument.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { executionId } from '../../input/resolve-id.ts';
import { type OverrideOptions, overridesOf, withOverrides } from '../../input/run-overrides.ts';
import { changesIn, type SetOption, setOption } from '../../input/set-option.ts';
import { followStartedRun } from '../../nouns/follow-started-run.ts';
import type { CliIo } from '../../output/output.ts';

type ForkOptions = OverrideOptions & {
  seq?: number;
  input?: string;
  set?: SetOption;
  inputData?: string;
  version?: number;
  detach?: true;
};

/**
 * Registers `howdah runs fork ID --seq N`, which starts a run that shares the first steps of
 * another run and continues from there. `--set input.place=value` starts a run from the beginning
 * with other data.
 */
export function register(command: Command, io: CliIo): void {
  withOptions(command)
    .argument('<id>', 'id of the run')
    .action(async (text: string, options: ForkOptions, self: Command) => {
      const id = executionId(text);
      const fork = await readFork(io, options);
      await withBackend(io, self, {}, async (backend) => {
        const copy = await backend.runs.fork(id, fork);
        const isDetached = options.detach === true;
        await followStartedRun(io, backend, copy, { isDetached, after: fork.seq });
      });
    });
}

function withOptions(command: Command): Command {
  const placed = command
    .option(
      '--from, --seq <n>',
      'number of steps to copy; 0 starts from the beginning (default with --set and --data)',
      parseWholeNumber(0),
    )
    .option(
      '--input <text>',
      `with --seq 0 the new first input, else the next user message; ${ARGUMENT_SOURCES}`,
    )
    .option(
      '--set <place=value>',
      'with --seq 0: change a value of the input data (input.order.number=1001) or replace the input text (input=TEXT); may be repeated',
      setOption,
    )
    .option(
      '--data, --input-data <json>',
      `with --seq 0: replace the input data, as JSON; ${ARGUMENT_SOURCES}`,
    )
    .option(
      '--version <n>',
      'version of the agent (default: the version of the original run)',
      parseWholeNumber(0),
    );
  return withOverrides(placed, '; keeps the other parameters of the run')
    .option('--detach', 'print the id of the new run and return immediately')
    .option(...API_OPTION);
}

/**
 * Returns the number of steps to copy. A fork that changes data starts from the beginning by
 * default.
 */
function seqOf({ seq, set, inputData }: ForkOptions): number {
  if (seq === undefined && set === undefined && inputData === undefined) {
    throw new HowdahError('EUSAGE', 'the number of steps to copy is missing: --seq', {
      hint: '--seq 0 starts from the beginning. --seq 7 continues after step 7. --set input.PLACE=VALUE starts from the beginning with other data.',
    });
  }
  return seq ?? 0;
}

async function readFork(io: CliIo, options: ForkOptions): Promise<NewFork> {
  const seq = seqOf(options);
  const { input, set, inputData, version = null } = options;
  const overrides = await overridesOf(io, options);
  if (input !== undefined && set?.input !== undefined) {
    throw new HowdahError('EUSAGE', 'the input is given twice, in --input and in --set input=…', {
      hint: 'Omit one of them.',
    });
  }
  return {
    seq,
    input:
      input === undefined ? (set?.input ?? null) : await readTextArgument(io, 'the input', input),
    version,
    data: (await readJsonArgument(io, 'data', inputData)) ?? null,
    changes: set ? changesIn(set) : null,
    overrides: overrides === undefined ? null : JSON.stringify(overrides),
  };
}
