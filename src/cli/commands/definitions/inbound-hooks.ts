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
import { requireDefinition } from '../../backend/database/database-definitions.ts';
import { withDatabase } from '../../backend/with-database.ts';
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

function registerTest(command: Command, io: CliIo): void {
  withName(command, inboundHooks)
    .requiredOption('--file <file>', 'file with the JSON body of a request; - reads standard input')
    .option('--header <name:value>', 'header of the request; may be repeated', headerOf)
    .action(async (name: string, { tenant, file, header = {} }: TestOptions) => {
      const body = (await readArgument(io, 'file', file === '-' ? '-' : `@${file}`)) ?? null;
      await withDatabase(io, async (database) => {
        const row = await forTenant(database, tenant, (client) =>
          requireDefinition(client, inboundHooks, name),
        );
        const { reply, ...hook } = row as unknown as Omit<HookExpressions, 'reply'> & {
          reply: { body: string } | null;
        };
        const result = await withOffload('cli', undefined, () =>
          mapDelivery({ ...hook, reply: reply?.body ?? null }, { body, headers: header }),
        );
        if (result.result === 'failed') io.setExitCode(exitCodes.error);
        if (io.json) return printJson(io, result);
        if (result.result === 'accepted') return io.out(JSON.stringify(result.values, null, 2));
        io.err(
          result.result === 'ignored' ? `Ignored: ${result.reason}.` : `Failed: ${result.message}`,
        );
      });
    });
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
    .action(async (hook: string | undefined, options: { tenant?: string; status?: string }) => {
      await withDatabase(io, async (database) => {
        const items = await forTenant(database, options.tenant, async (client) => {
          const hookId = hook && (await requireDefinition(client, inboundHooks, hook)).id;
          return listInboundDeliveries(client, { hookId, status: options.status, limit: LIMIT });
        });
        const rows = items.map(({ error, ...row }) => ({ ...row, error: error?.message }));
        printRows(io, { items, rows, empty: 'No deliveries.' });
      });
    });
}
