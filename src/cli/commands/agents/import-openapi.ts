import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { importSystem } from '../../../operations/definitions/import-system.ts';
import { secrets } from '../../../resources/administration/secrets.ts';
import { type ImportedApi, importOpenApi } from '../../../systems/openapi/import.ts';
import type { NeededSecret } from '../../../systems/openapi/security.ts';
import { MAX_SYSTEM_FILE_BYTES } from '../../../systems/read-file.ts';
import { writeFile } from '../../../systems/write-file.ts';
import type { Backend } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { readOpenApi } from '../../files/read-openapi.ts';
import { confirmPrune, YES_OPTION } from '../../input/confirm-option.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { plainText } from '../../output/terminal-text.ts';
import { writeOutput } from '../../output/write-output.ts';
import { plansAsJson, printPlans } from '../../print/plans.ts';

type Options = {
  name?: string;
  prefix?: string;
  only?: string[];
  server?: string;
  secret?: string[];
  approval: boolean;
  dryRun?: true;
  prune?: true;
  yes?: true;
  out?: string;
  tenant?: string;
};

/**
 * Registers `howdah tools import-openapi FILE|URL`. It creates an http tool for each operation and
 * applies them as an agent system.
 */
export function register(command: Command, io: CliIo): void {
  command
    .command('import-openapi')
    .description('create tools from the operations of an OpenAPI 3 description')
    .argument('<file or url>', 'OpenAPI description, JSON or YAML; - reads standard input')
    .option(
      '--only <operations...>',
      'only these operations, by operationId; * matches any characters',
    )
    .option('--prefix <text>', 'prefix of the name of each tool')
    .option(
      '--name <name>',
      'name of the agent system, see docs/files.md (default: from the description)',
    )
    .option('--server <url>', 'server to send requests to (default: from the description)')
    .option('--secret <scheme=name...>', 'secret to use for a security scheme')
    .option('--no-approval', 'do not require approval for calls that write')
    .option('--out <file>', 'write the agent system file (see docs/files.md) and apply nothing')
    .option('--dry-run', 'show what would be done; change nothing')
    .option('--prune', 'delete tools of an earlier import whose operations are no longer imported')
    .option(...YES_OPTION)
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action((place: string, options: Options, self: Command) => run(io, self, place, options));
}

async function run(io: CliIo, self: Command, place: string, options: Options): Promise<void> {
  const source = await readOpenApi(io, place);
  const imported = importOpenApi(source.name, source.text, {
    ...options,
    secrets: secretNames(options.secret ?? []),
    source: source.url,
  });
  const tools = Object.keys(imported.document.tools as object);
  if (!io.json) tell(io, imported, tools.length);
  const text = writeFile(imported.document);
  refuseTooLarge(text, tools.length);
  if (options.out !== undefined) {
    await writeOutput(io, text.replace(/\n$/, ''), options.out);
    if (io.json) printJson(io, { system: imported.document, ...report(imported) });
    else for (const one of imported.secrets) io.err(howToStore(one));
    return;
  }
  await withBackend(io, self, options, async ({ definitions, call }) => {
    await refuseMissingSecrets(definitions, imported.secrets);
    const body = {
      name: String(imported.document.name),
      text,
      origin: 'tools import-openapi',
      derived_secrets: derivedSecrets(imported, options),
      prune: options.prune === true,
    } as const;
    const apply = async ({ dryRun = options.dryRun === true } = {}) =>
      (await call(importSystem, { body: { ...body, dry_run: dryRun } })).systems;
    if (!(await confirmPrune(io, options, () => apply({ dryRun: true })))) return;
    const plans = await apply();
    if (io.json) printJson(io, { systems: plansAsJson(plans), ...report(imported) });
    else {
      printPlans(io, plans);
      for (const { secret_name, host } of imported.secrets)
        io.err(`The secret ${secret_name} is sent to ${host}.`);
    }
  });
}

/**
 * Throws `HWINV` if the file is too large for one system. Several systems with different names can
 * contain what one cannot.
 */
function refuseTooLarge(text: string, tools: number): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_SYSTEM_FILE_BYTES) return;
  const size = `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  throw new HowdahError(
    'HWINV',
    `nothing was imported: ${tools} tools have ${size}, and an agent system may have at most 1 MB`,
    {
      hint: 'Import some of the operations with --only NAME…, and the others with another --name.',
      detail: { tools, bytes, max_bytes: MAX_SYSTEM_FILE_BYTES },
    },
  );
}

function secretNames(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at > 0 && at < pair.length - 1) return [pair.slice(0, at), pair.slice(at + 1)];
      throw new HowdahError('EUSAGE', `--secret ${pair} is invalid: use SCHEME=NAME`);
    }),
  );
}

function tell(io: CliIo, { notes }: ImportedApi, tools: number): void {
  for (const { file, line, column, message } of notes)
    io.err(plainText(`${file}:${line}:${column}: ${message}`));
  io.err(`Tools: ${tools}. Not imported, or only in part: ${notes.length}.`);
}

function report({ notes, secrets }: ImportedApi) {
  return { not_carried_over: notes, secrets };
}

const howToStore = ({ secret_name, scheme, value, host }: NeededSecret): string =>
  `It needs the secret ${secret_name} (${scheme}: ${value}), which is sent to ${host}: howdah admin secret set ${secret_name}`;

async function refuseMissingSecrets(
  definitions: Backend['definitions'],
  needed: readonly NeededSecret[],
): Promise<void> {
  if (needed.length === 0) return;
  const { items } = await definitions.list(secrets);
  const there = new Set(items.map(({ name }) => name));
  const missing = needed.filter(({ secret_name }) => !there.has(secret_name));
  const [first] = missing;
  if (!first) return;
  throw new HowdahError('HWNTF', `nothing was imported: ${missing.map(howToStore).join('\n')}`, {
    hint: `The value is read from stdin. To use another secret: --secret ${first.scheme}=NAME`,
    detail: { secrets: missing },
  });
}

/** Returns the secrets whose names the importing user has not given. */
function derivedSecrets({ secrets: needed }: ImportedApi, options: Options) {
  const named = Object.values(secretNames(options.secret ?? []));
  return needed
    .filter(({ secret_name }) => !named.includes(secret_name))
    .map(({ secret_name, scheme, host }) => ({ name: secret_name, scheme, host }));
}
