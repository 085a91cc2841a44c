import { type Command, InvalidArgumentError, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import {
  createApiKey,
  type ListedApiKey,
  listApiKeys,
  type MadeApiKey,
  revokeApiKey,
} from '../../../db/access/api-keys.ts';
import type { UserRole } from '../../../db/access/subjects.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { confirm, YES_OPTION } from '../../input/confirm-option.ts';
import { parseDuration } from '../../input/parse-duration.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
import { userOf } from '../../input/resolve-user.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

const SCOPES = ['read', 'run', 'edit', 'manage'];
const MOST_DAYS = 3_650;
const LIMIT = 1_000;

type CreateOptions = {
  tenant?: string;
  user?: string;
  role?: UserRole;
  scopes?: string[];
  /** The lifetime, in seconds. */
  expires?: number;
};

/**
 * Registers `howdah admin key create | list | revoke`: API keys, managed by the owner of the
 * database.
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
    .action((name: string, options: CreateOptions) => create(io, name, options));
  command
    .command('list')
    .description('list the keys, newest first')
    .option('--tenant <slug>', 'only keys of this tenant')
    .action((options: { tenant?: string }) => list(io, options.tenant));
  command
    .command('revoke')
    .description('revoke a key permanently; takes effect within a second')
    .argument('<key>', 'id of the key, or its prefix, such as hwd_9f2kQ7xYb1Zc')
    .option(...YES_OPTION)
    .action((key: string, { yes }: { yes?: true }) => revoke(io, key, yes));
}

const seconds = parseDuration(MOST_DAYS);

async function create(io: CliIo, name: string, options: CreateOptions): Promise<void> {
  await withDatabase(
    io,
    async ({ db, pool }) => {
      const tenant = await tenantOf(db, options.tenant);
      const user = options.user ? await userOf(db, tenant, options.user) : undefined;
      const made = await createApiKey(pool, {
        tenantId: tenant.id,
        userId: user?.id,
        name,
        role: options.role ?? atMostMember(user?.role),
        scopes: options.scopes,
        expiresIn: options.expires,
      });
      if (io.json) return printJson(io, { tenant_id: tenant.id, ...made });
      io.out(made.key);
      io.err(`${summaryOf(made)} It is not shown again: store it where programs can read it.`);
    },
    { createsDatabase: true },
  );
}

/** Returns the role of a key without `--role`: viewer for a viewer, else member. */
function atMostMember(role: UserRole = 'member'): UserRole {
  return role === 'viewer' ? 'viewer' : 'member';
}

function summaryOf({ name, prefix, role, scopes, expires_at }: MadeApiKey): string {
  const bounds = scopes ? `${role}, ${scopes.join(' and ')} only` : role;
  const end = expires_at ? `until ${expires_at.toISOString()}` : 'until it is revoked';
  return `Key '${name}' (${prefix}…): ${bounds}, ${end}.`;
}

async function list(io: CliIo, slug: string | undefined): Promise<void> {
  await withDatabase(io, async ({ db, pool }) => {
    const tenant = slug === undefined ? undefined : await tenantOf(db, slug);
    const items = await listApiKeys(pool, tenant?.id, LIMIT);
    const empty = 'No API keys. Create one: howdah admin key create NAME';
    printRows(io, { items, rows: items.map(rowOf), empty });
  });
}

function rowOf(row: ListedApiKey) {
  const { id, tenant, user, name, prefix, role, state } = row;
  const scopes = row.scopes?.join(',') ?? 'all';
  const used = row.last_used_at?.toISOString().slice(0, 16) ?? 'never';
  const expires = row.expires_at?.toISOString().slice(0, 16) ?? 'never';
  const made_without_login = row.made_without_login ? 'yes' : 'no';
  return { id, prefix, name, tenant, user, role, scopes, state, expires, used, made_without_login };
}

async function revoke(io: CliIo, text: string, yes: boolean | undefined): Promise<void> {
  const key = namedBy(text);
  await withDatabase(io, async ({ pool }) => {
    const of = 'id' in key ? key.id : `${key.prefix}…`;
    if (!(await confirm(io, `This revokes the key ${of} permanently.`, yes))) return;
    const revoked = await revokeApiKey(pool, key);
    if (!revoked) {
      const named = 'id' in key ? key.id : key.prefix;
      throw new HowdahError('HWNTF', `there is no API key ${named}`, {
        hint: 'List them: howdah admin key list',
        detail: key,
      });
    }
    if (io.json) printJson(io, revoked);
    else io.out(`${revoked.id} revoked`);
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

function scopesOf(text: string): string[] {
  const scopes = text.split(',').map((scope) => scope.trim());
  if (scopes.every((scope) => SCOPES.includes(scope))) return scopes;
  throw new InvalidArgumentError(`Use one or more of ${SCOPES.join(', ')}, separated by commas.`);
}
