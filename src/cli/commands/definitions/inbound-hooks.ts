import { type Command, InvalidArgumentError, Option } from 'commander';
import { withOffload } from '../../../concurrency/offload.ts';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { listInboundDeliveries } from '../../../db/operations/deliveries.ts';
import { inboundHooks } from '../../../resources/automation/inbound-hooks.ts';
import {
  type HookExpressions,
  mapDelivery,
  refuseUnreadableHook,
} from '../../../runtime/inbound/map-delivery.ts';
import type { Row } from '../../backend/backend.ts';
import { API_OPTION, type Api } from '../../backend/connect-server.ts';
import { requireDefinition } from '../../backend/database/database-definitions.ts';
import { onEither } from '../../backend/on-either.ts';
import type { Page } from '../../backend/pages.ts';
import {
  listDefinitions,
  requireDefinition as requireListed,
} from '../../backend/server/server-definitions.ts';
import { withDates } from '../../backend/with-dates.ts';
import { readArgument } from '../../input/input-argument.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { withName } from '../../nouns/list-and-show.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

const VERIFICATIONS = enumLabels.hook_verification;
const STATUSES = enumLabels.inbound_status;
const LIMIT = 100;

/**
 * Registers `howdah admin inbound-hooks [list | show | create | change | delete | test |
 * deliveries]`: the addresses at which other programs begin runs.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    ...resourceVerbs(inboundHooks, { register: withHook, columns: columnsOf }),
    {
      name: 'test',
      summary: 'evaluate the expressions of a hook for a request body',
      register: registerTest,
    },
    {
      name: 'deliveries',
      summary: 'list the deliveries, newest first',
      register: registerDeliveries,
    },
  ]);
}

function withHook(command: Command): Command {
  return command
    .argument('<name>', 'name of the hook, the last part of its path')
    .addOption(
      new Option('--verification <format>', 'format in which the sender signs requests')
        .choices(VERIFICATIONS)
        .makeOptionMandatory(),
    )
    .requiredOption(
      '--secret <name>',
      'name of the secret that verifies the signature (create it with howdah admin secret set NAME)',
    )
    .option(
      '--secret-header <name>',
      'name of the header that carries the shared secret (default: Authorization)',
    )
    .option('--agent <name>', 'agent to run')
    .option('--workflow <name>', 'workflow to run instead of an agent')
    .option(
      '--condition <cel>',
      'CEL expression over the request; a delivery starts a run only if it is true (see docs/inbound-hooks.md)',
    )
    .option('--input <cel>', 'CEL expression for the input of the run (default: the body as JSON)')
    .option(
      '--map <field=cel>',
      'CEL expression for a field of the run, such as metadata or input_data; may be repeated',
      mapOf,
    )
    .option(
      '--session-key <cel>',
      'CEL expression; deliveries with the same value are messages of one session',
    )
    .option(
      '--reply <json>',
      'where to send the answer: a JSON object with url, secret_name and body',
    )
    .option('--description <text>', 'purpose of the hook');
}

/** Adds a field to the mapping of earlier options. */
function mapOf(text: string, mapping?: Record<string, string>): Record<string, string> {
  const [, field, expression] = /^([a-z_]+)=(.+)$/s.exec(text) ?? [];
  if (field === undefined || expression === undefined) {
    throw new InvalidArgumentError(
      'Write it as FIELD=EXPRESSION, such as metadata="{\'id\': body.id}".',
    );
  }
  return { ...mapping, [field]: expression };
}

type CreateOptions = {
  verification: string;
  secret: string;
  secretHeader?: string;
  agent?: string;
  workflow?: string;
  condition?: string;
  input?: string;
  map?: Record<string, string>;
  sessionKey?: string;
  reply?: string;
  description?: string;
};

async function columnsOf(io: CliIo, [name]: readonly string[], options: object) {
  const { verification, secret, agent, workflow, input, map, ...more } = options as CreateOptions;
  if ((agent === undefined) === (workflow === undefined)) {
    throw new HowdahError('EUSAGE', 'an inbound hook needs exactly one of --agent and --workflow', {
      hint: 'Use --agent NAME or --workflow NAME.',
    });
  }
  const reply = await readArgument(io, 'reply', more.reply);
  const mapping = { ...map, ...(input !== undefined && { input }) };
  const { condition = null, sessionKey = null } = more;
  refuseUnreadableHook({ mapping, condition, session_key: sessionKey });
  return {
    ...{ name, verification, secret_name: secret, agent, workflow, mapping },
    ...(more.secretHeader !== undefined && { secret_header: more.secretHeader }),
    ...(more.condition !== undefined && { condition: more.condition }),
    ...(more.sessionKey !== undefined && { session_key: more.sessionKey }),
    ...(reply !== undefined && { reply }),
    ...(more.description !== undefined && { description: more.description }),
  };
}

type TestOptions = { tenant?: string; file: string; header?: Record<string, string> };
type TestResult = Awaited<ReturnType<typeof mapDelivery>>;

function registerTest(command: Command, io: CliIo): void {
  withName(command, inboundHooks)
    .requiredOption('--file <file>', 'file with the JSON body of a request; - reads standard input')
    .option('--header <name:value>', 'header of the request; may be repeated', headerOf)
    .action(async (name: string, { tenant, file, header = {} }: TestOptions) => {
      const body = (await readArgument(io, 'file', file === '-' ? '-' : `@${file}`)) ?? null;
      const result = await onEither<TestResult>(
        io,
        command,
        { tenant },
        {
          server: async (api) => {
            const { id } = await requireListed(api, inboundHooks, name);
            const path = `${inboundHooks.path}/${id}/test`;
            return (await api.request('POST', path, { body, headers: header })) as TestResult;
          },
          database: async (database) => {
            const row = await forTenant(database, tenant, (client) =>
              requireDefinition(client, inboundHooks, name),
            );
            return testHook(row, { body, headers: header });
          },
        },
      );
      printTest(io, result);
    });
}

async function testHook(
  row: Row,
  contents: Parameters<typeof mapDelivery>[1],
): Promise<TestResult> {
  const { reply, ...hook } = row as unknown as Omit<HookExpressions, 'reply'> & {
    reply: { body: string } | null;
  };
  return withOffload('cli', undefined, () =>
    mapDelivery({ ...hook, reply: reply?.body ?? null }, contents),
  );
}

function printTest(io: CliIo, result: TestResult): void {
  if (result.result === 'failed') io.setExitCode(exitCodes.error);
  if (io.json) printJson(io, result);
  else if (result.result === 'accepted') io.out(JSON.stringify(result.values, null, 2));
  else if (result.result === 'ignored') io.err(`Ignored: ${result.reason}.`);
  else io.err(`Failed: ${result.message}`);
}

function headerOf(text: string, headers?: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('Write it as NAME: VALUE, such as "X-GitHub-Event: issues".');
  }
  return { ...headers, [name.toLowerCase()]: value };
}

function registerDeliveries(command: Command, io: CliIo): void {
  command
    .argument('[hook]', 'only this hook, by its name or id')
    .addOption(
      new Option('--status <status>', 'only deliveries with this status').choices(STATUSES),
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (hook: string | undefined, options: { tenant?: string; status?: string }) => {
      const { tenant, status } = options;
      const items = await onEither<readonly Listed[]>(
        io,
        command,
        { tenant },
        {
          server: (api) => listFromServer(api, hook, status),
          database: (database) =>
            forTenant(database, tenant, async (client) => {
              const hookId = hook && (await requireDefinition(client, inboundHooks, hook)).id;
              return listInboundDeliveries(client, { hookId, status, limit: LIMIT });
            }),
        },
      );
      const rows = items.map(({ error, ...row }) => ({ ...row, error: error?.message }));
      printRows(io, { items, rows, empty: 'No deliveries.' });
    });
}

type Listed = Row & { error: { message: string } | null };

/** Reads the newest deliveries in the form of a database. */
async function listFromServer(api: Api, hook: string | undefined, status: string | undefined) {
  const of = hook && (await requireListed(api, inboundHooks, hook)).id;
  const search = new URLSearchParams({
    limit: String(LIMIT),
    ...(of !== undefined && { inbound_hook_id: of }),
    ...(status !== undefined && { status }),
  });
  const hooks = new Map(
    (await listDefinitions(api, inboundHooks)).map((row) => [row.id, row.name]),
  );
  const path = `/api/inbound-deliveries?${search}`;
  const { data } = (await api.request('GET', path)) as unknown as Page<Listed>;
  return data.map((row) => {
    const { id, inbound_hook_id, requests, delivery_id, execution_id, error } = row;
    const { received_at, last_received_at } = withDates(row);
    return {
      ...{ id, hook: hooks.get(String(inbound_hook_id)), status: row.status, requests },
      ...{ delivery_id, execution_id, received_at, last_received_at, error },
    };
  });
}
