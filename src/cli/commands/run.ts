import { type Command, InvalidArgumentError } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { inTransaction, type Pool } from '../../db/connection/pool.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { API_OPTION, type Api, apiFor, showOverApi, tenantOverApi } from '../backend/connect.ts';
import { type CliDatabase, withDatabase } from '../backend/database.ts';
import { promptForAnswer } from '../chat/prompt-for-answer.ts';
import { ATTACH_OPTION, type Attachment, partsOf, readAttached } from '../input/attach-option.ts';
import { ARGUMENT_SOURCES, readJsonArgument, readTextArgument } from '../input/input-argument.ts';
import { parseNextTime } from '../input/parse-time.ts';
import { uuidOf } from '../input/resolve-id.ts';
import { forTenant, TENANT_OPTION } from '../input/resolve-tenant.ts';
import { type OverrideOptions, overridesOf, withOverrides } from '../input/run-overrides.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { showUntilEnd } from '../print/live-run.ts';
import { runInlineWorker } from '../process/inline-worker.ts';

export type RunOptions = OverrideOptions & {
  tenant?: string;
  detach?: true;
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
    .action(async (agent: string, message: string, options: RunOptions, self: Command) => {
      const api = await apiFor(io, self);
      if (api) return startOverApi(io, api, agent, message, options);
      return start(io, agent, message, options);
    });
}

/** Adds the options that `run` and `run-agent` share. */
export function withOptions(command: Command): Command {
  return withOverrides(command)
    .option(...TENANT_OPTION)
    .option('--detach', 'print the id of the execution and return immediately')
    .option('--idempotency-key <key>', 'return the existing run if the key was used before')
    .option(
      '--concurrency-key <key>',
      'key for concurrency limits of scope key, such as customer-42',
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
      `items of a map or variables of a prompt, as JSON; ${ARGUMENT_SOURCES}`,
    )
    .option('--metadata <json>', `your own tags, a JSON object; ${ARGUMENT_SOURCES}`)
    .option('--as-version <version>', 'version of the agent or workflow, by number or label')
    .option(...ATTACH_OPTION);
}

/** Starts the run and follows it, unless `--detach` is set. */
export async function start(
  io: CliIo,
  agent: string,
  message: string,
  options: RunOptions,
): Promise<void> {
  const runInput = await readInput(io, message, options);
  await withDatabase(io, async (database) => {
    const id = await insert(database, agent, options, runInput);
    if (options.detach) {
      return io.json ? printJson(io, { id }) : io.out(id);
    }
    io.err(`execution ${id}`);
    await runInlineWorker(io, database, () =>
      showUntilEnd(io, database.url, id, {
        onQuestion: (one) => promptForAnswer(io, database.pool, one),
      }),
    );
  });
}

/** Starts the run over REST. The key decides the tenant. */
async function startOverApi(
  io: CliIo,
  api: Api,
  agent: string,
  message: string,
  options: RunOptions,
): Promise<void> {
  if (options.tenant !== undefined) {
    throw tenantOverApi();
  }
  const { input, data, metadata, overrides, files } = await readInput(io, message, options);
  const session_id = options.session === undefined ? null : uuidOf(options.session, 'a session');
  const resourceIds: string[] = [];
  for (const { name, type, bytes } of files) {
    const body = { name, type, session_id, base64: bytes.toString('base64') };
    resourceIds.push((await api.call('createResource', { body })).id);
  }
  const id = await api.agent(agent).run(input, {
    ...(resourceIds.length > 0 && { input_parts: partsOf(resourceIds) }),
    ...(session_id !== null && { session_id }),
    ...(options.at !== undefined && { run_at: options.at }),
    ...(options.priority !== undefined && { priority: options.priority }),
    ...(options.idempotencyKey !== undefined && { idempotency_key: options.idempotencyKey }),
    ...(options.concurrencyKey !== undefined && { concurrency_key: options.concurrencyKey }),
    ...(options.debounceKey !== undefined && { debounce_key: options.debounceKey }),
    ...(options.debounceMs !== undefined && { debounce_ms: options.debounceMs }),
    ...(options.metadata !== undefined && { metadata: JSON.parse(metadata) }),
    ...(options.asVersion !== undefined && { version: options.asVersion }),
    ...(data !== undefined && { input_data: JSON.parse(data) }),
    ...(options.budget !== undefined && { max_cost: Number(options.budget) }),
    ...(overrides !== undefined && { overrides }),
  });
  if (options.detach) return io.json ? printJson(io, { id }) : io.out(id);
  io.err(`execution ${id}`);
  await showOverApi(io, api, id, { isLeftWaiting: true });
}

/** The input of a run. Files and standard input are read before anything is written. */
type RunInput = {
  input: string;
  data: string | undefined;
  metadata: string;
  overrides: JsonObject | undefined;
  files: Attachment[];
};

async function readInput(io: CliIo, message: string, options: RunOptions): Promise<RunInput> {
  return {
    input: await readTextArgument(io, 'the message', message),
    data: await readJsonArgument(io, 'data', options.data, '["tea", "milk"]'),
    metadata: objectOf((await readJsonArgument(io, 'metadata', options.metadata)) ?? '{}'),
    overrides: await overridesOf(io, options),
    files: await readAttached(options.attach),
  };
}

/**
 * Inserts the run. The files are stored in the same transaction, so that a rejected run stores no
 * files.
 */
async function insert(
  database: CliDatabase,
  agent: string,
  options: RunOptions,
  { input, data, metadata, overrides, files }: RunInput,
): Promise<string> {
  const session_id = options.session === undefined ? null : uuidOf(options.session, 'a session');
  const work = async (client: Pick<Pool, 'query'>): Promise<string> => {
    const resourceIds: string[] = [];
    for (const { name, type, bytes } of files) {
      const { rows } = await client.query(
        `insert into howdah.resources (name, type, bytes, session_id) values ($1, $2, $3, $4) returning id`,
        [name, type, bytes, session_id],
      );
      resourceIds.push(rows[0].id);
    }
    const { rows } = await client.query(
      `select (howdah.run($1, $2, session_id => $3, run_at => $4, priority => $5,
       idempotency_key => $6, metadata => $7, version => $8, input_data => $9, input_parts => $10,
       max_cost => $11, overrides => $12, concurrency_key => $13, debounce_key => $14,
       debounce_ms => $15)).id`,
      [
        agent,
        input,
        session_id,
        options.at ?? null,
        options.priority ?? 0,
        options.idempotencyKey ?? null,
        metadata,
        options.asVersion ?? null,
        data ?? null,
        resourceIds.length > 0 ? JSON.stringify(partsOf(resourceIds)) : null,
        options.budget ?? null,
        overrides === undefined ? null : JSON.stringify(overrides),
        options.concurrencyKey ?? null,
        options.debounceKey ?? null,
        options.debounceMs ?? null,
      ],
    );
    return rows[0].id;
  };
  return options.tenant === undefined
    ? inTransaction(database.pool, work)
    : forTenant(database, options.tenant, work);
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

function objectOf(metadata: string): string {
  if (isJsonObject(JSON.parse(metadata))) return metadata;
  throw new HowdahError('EUSAGE', '--metadata is not a JSON object', {
    hint: `Write an object: --metadata '{"order": 4711}'`,
  });
}
