import { type Command, InvalidArgumentError, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import type { UserRole } from '../../../db/access/subjects.ts';
import {
  type ApiKey,
  createApiKey,
  listApiKeys,
  type NewApiKey,
  revokeApiKey,
} from '../../../operations/administration/api-keys.ts';
import { apiKeys } from '../../../resources/administration/api-keys.ts';
import { users } from '../../../resources/administration/users.ts';
import type { CallOperation } from '../../backend/call-operation.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { hintIfNotFound } from '../../backend/unknown-name.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { withDates } from '../../backend/with-dates.ts';
import { confirm, YES_OPTION } from '../../input/confirm-option.ts';
import { parseDuration } from '../../input/parse-duration.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

const SCOPES = ['read', 'run', 'edit', 'manage'] as const;
type Scope = (typeof SCOPES)[number];
const LIST = 'List them: howdah admin key list';
const MAX_DAYS = 3_650;
const LIMIT = 1_000;

type CreateOptions = {
  tenant?: string;
  user?: string;
  role?: UserRole;
  scopes?: Scope[];
  /** The lifetime, in seconds. */
  expires?: number;
};

/**
 * Registers `howdah admin key create | list | revoke`: API keys for programs.
 */
export function register(command: Command, io: CliIo): void {
  command
    .command('create')
    .description('create a key and print it (it is not shown again)')
    .argument('<name>', 'name of the key, such as its purpose')
    .option(...TENANT_OPTION)
    .option('--user <name>', 'user that the key acts as (default: the tenant as a whole)')
    .addOption(
      new Option(
        '--role <role>',
        'maximum role of the key (default: member, or viewer if the user is a viewer)',
      ).choices(enumLabels.user_role),
    )
    .option(
      '--scopes <list>',
      `scopes, separated by commas: any of ${SCOPES.join(',')} (default: all scopes of its role)`,
      scopesOf,
    )
    .option('--expires <time>', 'lifetime, such as 8h or 30d (default: no expiry)', seconds)
    .option(...API_OPTION)
    .action((name: string, options: CreateOptions, self: Command) =>
      create(io, self, name, options),
    );
  command
    .command('list')
    .description('list the keys, newest first')
    .option('--tenant <slug>', 'only keys of this tenant')
    .option(...API_OPTION)
    .action(({ tenant }: { tenant?: string }, self: Command) => list(io, self, tenant));
  command
    .command('revoke')
    .description('revoke a key permanently; takes effect within a second')
    .argument('<key>', 'id of the key, or its prefix, such as hwd_9f2kQ7xYb1Zc')
    .option(...YES_OPTION)
    .option(...API_OPTION)
    .action((key: string, { yes }: { yes?: true }, self: Command) => revoke(io, self, key, yes));
}

const seconds = parseDuration(MAX_DAYS);

async function create(
  io: CliIo,
  self: Command,
  name: string,
  options: CreateOptions,
): Promise<void> {
  const { tenant, user: username, role, scopes, expires } = options;
  const made = await withBackend(io, self, { tenant, createsDatabase: true }, async (backend) => {
    const { definitions, call } = backend;
    const user = username === undefined ? undefined : await definitions.find(users, username);
    return call(createApiKey, {
      body: {
        name,
        role: role ?? atMostMember(user?.role as UserRole | undefined),
        ...(user && { user_id: user.id }),
        ...(scopes && { scopes }),
        ...(expires !== undefined && { expires_in: expires }),
      },
    });
  });
  if (io.json) return printJson(io, made);
  io.out(made.key ?? '');
  io.err(`${summaryOf(made)} It is not shown again: store it where programs can read it.`);
}

/** Returns the role of a key without `--role`: viewer for a viewer, else member. */
function atMostMember(role: UserRole = 'member'): UserRole {
  return role === 'viewer' ? 'viewer' : 'member';
}

function summaryOf({ name, prefix, role, scopes, expires_at }: NewApiKey): string {
  const bounds = scopes ? `${role}, ${scopes.join(' and ')} only` : role;
  const end = expires_at ? `until ${new Date(expires_at).toISOString()}` : 'until it is revoked';
  return `Key '${name}' (${prefix}…): ${bounds}, ${end}.`;
}

async function list(io: CliIo, self: Command, tenant: string | undefined): Promise<void> {
  const most = tenant === undefined ? LIMIT : undefined;
  const keys = await withBackend(io, self, { tenant }, ({ call }) =>
    allRows((page) => call(listApiKeys, { query: page }), most),
  );
  const items = keys.filter((key) => tenant === undefined || key.tenant === tenant).map(withDates);
  printRows(io, { items, rows: items.map(rowOf), empty: apiKeys.command.empty });
}

function rowOf(row: ApiKey) {
  const { id, tenant, user, name, prefix, role, state } = row;
  const scopes = row.scopes?.join(',') ?? 'all';
  const used = minuteOf(row.last_used_at);
  const expires = minuteOf(row.expires_at);
  const made_without_login = row.made_without_login ? 'yes' : 'no';
  return { id, prefix, name, tenant, user, role, scopes, state, expires, used, made_without_login };
}

const minuteOf = (time: string | Date | null) =>
  time === null ? 'never' : new Date(time).toISOString().slice(0, 16);

async function revoke(
  io: CliIo,
  self: Command,
  text: string,
  yes: boolean | undefined,
): Promise<void> {
  const key = namedBy(text);
  await withBackend(io, self, {}, async ({ call }) => {
    const of = 'id' in key ? key.id : `${key.prefix}…`;
    if (!(await confirm(io, `This revokes the key ${of} permanently.`, yes))) return;
    const id = 'id' in key ? key.id : await idOfPrefix(call, key.prefix);
    const revoked = await call(revokeApiKey, { params: { id } }).catch(hintIfNotFound(LIST));
    const row = withDates(revoked);
    if (io.json) printJson(io, row);
    else io.out(`${row.id} revoked`);
  });
}

/** Returns the id of the key with a prefix. Throws `HWNTF`. */
async function idOfPrefix(call: CallOperation, prefix: string): Promise<string> {
  const { data } = await call(listApiKeys, { query: { prefix } });
  if (data[0]) return data[0].id;
  throw new HowdahError('HWNTF', `there is no API key ${prefix}`, {
    hint: LIST,
    detail: { prefix },
  });
}

/**
 * Parses an id or a prefix of a key. A whole key that was pasted stands for its prefix. Errors
 * never repeat the input, because it may be a secret.
 */
function namedBy(text: string): { id: string } | { prefix: string } {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return { id: text.toLowerCase() };
  const [, prefix] = /^(hwd_[0-9A-Za-z]{12})(_\w*)?(…|\.\.\.)?$/.exec(text) ?? [];
  if (prefix !== undefined) return { prefix };
  throw new HowdahError('EUSAGE', 'the argument is neither the id nor the prefix of an API key', {
    hint: 'A prefix is hwd_ and 12 characters. List the keys: howdah admin key list',
  });
}

function scopesOf(text: string): Scope[] {
  const isScope = (word: string): word is Scope => SCOPES.some((scope) => scope === word);
  const scopes = text.split(',').map((scope) => scope.trim());
  if (scopes.every(isScope)) return scopes;
  throw new InvalidArgumentError(`Use one or more of ${SCOPES.join(', ')}, separated by commas.`);
}
