import { type Command, InvalidArgumentError, Option } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { isJsonObject } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import type { NewRun } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { ATTACH_OPTION, readAttached } from '../../input/attach-option.ts';
import {
  ARGUMENT_SOURCES,
  readJsonArgument,
  readTextArgument,
} from '../../input/input-argument.ts';
import { parseNextTime } from '../../input/parse-time.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import {
  type OverrideOptions,
  overridesOf,
  withBudget,
  withOverrides,
} from '../../input/run-overrides.ts';
import { followStartedRun } from '../../nouns/follow-started-run.ts';
import type { CliIo } from '../../output/output.ts';
import { TREE_OPTION } from '../../print/live-run.ts';

export type RunCommandOptions = OverrideOptions & {
  budget?: string;
  tenant?: string;
  detach?: true;
  tree?: true;
  idempotencyKey?: string;
  concurrencyKey?: string;
  debounceKey?: string;
  debounceMs?: number;
  at?: string;
  priority?: number;
  session?: string;
  data?: string;
  metadata?: string;
  asVersion?: string;
  attach?: string[];
};

/**
 * Registers `howdah run AGENT MESSAGE`, also for a workflow. It inserts an execution, shows its
 * steps and prints the answer.
 */
export function register(command: Command, io: CliIo): void {
  withOptions(command)
    .argument('<agent>', 'name of the agent or workflow (an agent takes precedence)')
    .argument('<message>', `message to the agent; ${ARGUMENT_SOURCES}`)
    .option(...API_OPTION)
    .action((agent: string, message: string, options: RunCommandOptions, self: Command) =>
      startAndFollow(io, self, agent, message, options),
    );
}

/** Adds the options that `run` and `run-agent` share. */
export function withOptions(command: Command): Command {
  return withOverrides(withBudget(command))
    .option(...TENANT_OPTION)
    .option('--detach', 'print the id of the run and return immediately')
    .addOption(new Option(...TREE_OPTION).conflicts('detach'))
    .option('--idempotency-key <key>', 'return the existing run if the key was used before')
    .option(
      '--concurrency-key <key>',
      'key that groups runs for concurrency limits, such as customer-42',
    )
    .option(
      '--debounce-key <key>',
      'combine calls with this key within --debounce-ms into one run, with the newest message',
    )
    .option(
      '--debounce-ms <number>',
      'time window of --debounce-key, in milliseconds',
      milliseconds,
    )
    .option('--at <time>', 'earliest start time, such as 18:00 or "2026-12-01 18:00"', time)
    .option(
      '--priority <number>',
      'priority from -32767 to 32767; smaller numbers run first',
      priority,
    )
    .option('--session <id>', 'run as the next turn of this session')
    .option(
      '--data <json>',
      `items of a map workflow, or variables of a prompt, as JSON; ${ARGUMENT_SOURCES}`,
    )
    .option('--metadata <json>', `JSON object to store with the run; ${ARGUMENT_SOURCES}`)
    .option(
      '--as-version <version>',
      'version of the agent or workflow to run, as a number or label (default: the current one)',
    )
    .option(...ATTACH_OPTION);
}

/** Starts the run and follows it, unless `--detach` is set. */
export async function startAndFollow(
  io: CliIo,
  self: Command,
  agent: string,
  message: string,
  options: RunCommandOptions,
): Promise<void> {
  const run = { agent, ...(await readRun(io, message, options)) };
  await withBackend(io, self, { ...options, createsDatabase: true }, async (backend) => {
    const id = await backend.runs.start(run);
    const { detach = false, tree = false } = options;
    await followStartedRun(io, backend, id, { isDetached: detach, tree });
  });
}

/** Reads the run. Files and standard input are read before anything is written. */
async function readRun(
  io: CliIo,
  message: string,
  options: RunCommandOptions,
): Promise<Omit<NewRun, 'agent'>> {
  return {
    input: await readTextArgument(io, 'the message', message),
    data: await readJsonArgument(io, 'data', options.data, '["tea", "milk"]'),
    metadata: objectOf(await readJsonArgument(io, 'metadata', options.metadata)),
    overrides: await overridesOf(io, options),
    files: await readAttached(options.attach),
    budget: options.budget,
    options: settingsOf(options),
  };
}

function settingsOf(options: RunCommandOptions): NewRun['options'] {
  const { session, at, priority, asVersion, idempotencyKey } = options;
  const { concurrencyKey, debounceKey, debounceMs } = options;
  return {
    ...(session !== undefined && { session_id: uuidOf(session, 'a session') }),
    ...(at !== undefined && { run_at: at }),
    ...(priority !== undefined && { priority }),
    ...(asVersion !== undefined && { version: asVersion }),
    ...(idempotencyKey !== undefined && { idempotency_key: idempotencyKey }),
    ...(concurrencyKey !== undefined && { concurrency_key: concurrencyKey }),
    ...(debounceKey !== undefined && { debounce_key: debounceKey }),
    ...(debounceMs !== undefined && { debounce_ms: debounceMs }),
  };
}

function priority(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || Math.abs(number) > 32_767) {
    throw new InvalidArgumentError('Use a whole number from -32767 to 32767.');
  }
  return number;
}

function milliseconds(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 2_147_483_647) {
    throw new InvalidArgumentError('Use a whole number of milliseconds, 1 or more.');
  }
  return number;
}

function time(text: string): string {
  const at = parseNextTime(text);
  if (at) return at.toISOString();
  throw new InvalidArgumentError(
    'Use a time such as 18:00, "2026-12-01 18:00" or "2026-12-01T18:00:00Z".',
  );
}

function objectOf(metadata: string | undefined): string | undefined {
  if (metadata === undefined || isJsonObject(parseJson(metadata))) return metadata;
  throw new HowdahError('EUSAGE', '--metadata is not a JSON object', {
    hint: `Write an object: --metadata '{"order": 4711}'`,
  });
}
