import type { Command } from 'commander';
import type { Config } from '../../../config.ts';
import { createPool, type Pool } from '../../../db/connection/pool.ts';
import { listViolations, queriesOn } from '../../../db/queries/queries.ts';
import { countWorkers } from '../../../db/queries/status-overview.ts';
import { describeBackfill } from '../../../db/schema/backfills.ts';
import { migrationStatus } from '../../../db/schema/migrate.ts';
import { openChosenDatabase } from '../../backend/with-database.ts';
import { auditFindings } from '../../doctor/audit-log.ts';
import { connectionsFinding, sessionsFinding } from '../../doctor/database/connections.ts';
import { searchPathFinding } from '../../doctor/database/search-path.ts';
import {
  sharedResourcesFinding,
  stuckStatementsFinding,
  temporaryFilesFinding,
} from '../../doctor/database/shared-resources.ts';
import { contentsFindings } from '../../doctor/encrypted-contents.ts';
import type { Finding } from '../../doctor/finding.ts';
import { madeWithoutLoginFinding } from '../../doctor/made-without-login.ts';
import { openIdProviderFinding } from '../../doctor/openid-provider.ts';
import { operatorFindings } from '../../doctor/operator.ts';
import { printFindings } from '../../doctor/print-findings.ts';
import { checkSecrets } from '../../doctor/secrets.ts';
import { isolationFinding, loginsFinding, rolesFinding } from '../../doctor/tenant-isolation.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { describeLogin } from '../../process/banner.ts';

/**
 * Registers `howdah doctor`, which checks everything that a run needs, and reports what is wrong
 * and how to fix it. `--audit` checks each row of the audit logs instead. Changes nothing.
 */
export function register(command: Command, io: CliIo): void {
  command.option('--audit', 'check that no row of the audit logs was changed or is missing');
  command.action(async (options: { audit?: boolean }) => {
    const config = await io.config();
    const { url, isEmbedded } = await openChosenDatabase(io);
    const pool = createPool({ url, applicationName: 'howdah-cli', max: 2, numbers: true });
    try {
      const findings = [await server(pool, isEmbedded), await migrations(url)];
      const isMigrated = findings.every(({ ok }) => ok);
      if (options.audit) {
        return report(io, [...findings, ...(isMigrated ? await auditFindings(pool, config) : [])]);
      }
      if (isMigrated) {
        findings.push(await rolesFinding(pool), await loginsFinding(pool));
        findings.push(await isolationFinding(pool), await sharedResourcesFinding(pool));
        findings.push(await stuckStatementsFinding(pool), await temporaryFilesFinding(pool));
        findings.push(await searchPathFinding(pool), await extensions(pool));
        findings.push(await clock(pool));
        findings.push(await sessionsFinding(url));
        findings.push(await connectionsFinding(pool, config.poolerUrl !== undefined));
        findings.push(login(config));
        if (config.oidc) findings.push(await openIdProviderFinding(config.oidc));
        if (config.auth === 'required') findings.push(await madeWithoutLoginFinding(pool));
        findings.push(await secrets(pool, config), ...(await contentsFindings(pool)));
        const { customToolsFinding } = await import('../../doctor/custom-tools.ts');
        const { localModelsFinding } = await import('../../doctor/local-models.ts');
        const { leftOutFindings, providersFinding } = await import('../../doctor/providers.ts');
        findings.push(await providersFinding(pool, config), await localModelsFinding(pool, config));
        findings.push(...leftOutFindings(config.models));
        findings.push(await workers(pool), await customToolsFinding(pool), await queue(pool));
        findings.push(await guarantees(pool));
        findings.push(...(await operatorFindings(pool)));
      }
      const { codeSandboxes } = await import('../../doctor/code-sandbox.ts');
      findings.push(await codeSandboxes(config.path));
      const { textRecognitionFinding } = await import('../../doctor/text-recognition.ts');
      findings.push(await textRecognitionFinding(config.tesseractData));
      const { defaultModelFinding, rejectedKeys } = await import('../../doctor/default-model.ts');
      findings.push(await defaultModelFinding(isMigrated ? pool : null, config));
      findings.push(...(await rejectedKeys(config)));
      report(io, findings);
    } finally {
      await pool.end();
    }
  });
}

function report(io: CliIo, findings: Finding[]): void {
  if (io.json) {
    printJson(io, { items: findings });
  } else {
    printFindings(io, findings);
  }
  if (findings.some(({ ok }) => !ok)) {
    io.setExitCode(exitCodes.error);
  }
}

async function server(pool: Pool, isEmbedded: boolean): Promise<Finding> {
  const { rows } = await pool.query(
    `select current_setting('server_version') as version,
       current_setting('server_version_num')::int as number, current_user as login,
       current_setting('fsync') as fsync`,
  );
  const { version, number, login, fsync } = rows[0];
  const ok = number >= 150000 && fsync === 'on';
  const found = `PostgreSQL ${version}, ${isEmbedded ? 'embedded' : 'external'}, as ${login}, fsync ${fsync}`;
  return {
    check: 'server',
    ok,
    found,
    ...(ok ? {} : { fix: 'Use PostgreSQL 15 or newer with fsync = on.' }),
  };
}

async function migrations(url: string): Promise<Finding> {
  const { applied, pending, newer, sql, backfills } = await migrationStatus(url);
  const isFilled = backfills.length === 0;
  const ok = pending.length === 0 && newer.length === 0 && sql === 'current' && isFilled;
  const of = newer.length > 0 ? `, of which ${newer.length} belong to a newer release` : '';
  const filling = isFilled ? '' : `, being filled: ${backfills.map(describeBackfill).join(', ')}`;
  const found = `${applied.length} applied${of}, ${pending.length} pending, sql/ ${sql}${filling}`;
  const fix = newer.length > 0 ? 'Use the newer release of Howdah.' : 'howdah migrate up';
  return { check: 'migrations', ok, found, ...(ok ? {} : { fix }) };
}

/** Says who may call the API with the variables of this machine, and what tokens need. */
function login(config: Config): Finding {
  const hasTokens = config.jwtSecret !== undefined || config.jwksUrl !== undefined;
  return {
    check: 'login',
    ok: true,
    found: describeLogin(config),
    ...(config.auth === 'required' && !hasTokens
      ? {
          fix: 'For tokens, set HOWDAH_JWT_SECRET (the output of: openssl rand -base64 48) or HOWDAH_JWKS_URL, here and for the API.',
        }
      : {}),
  };
}

async function secrets(pool: Pool, config: Config): Promise<Finding> {
  const { found, fault } = await checkSecrets(pool, config);
  return fault === undefined
    ? { check: 'secrets', ok: true, found }
    : { check: 'secrets', ok: false, found: `${found}: ${fault.message}`, fix: fault.hint ?? '' };
}

async function extensions(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query(
    `select coalesce(installed_version, 'available, not installed') as version
     from pg_available_extensions where name = 'vector'`,
  );
  const found = rows[0]
    ? `pgvector ${rows[0].version}`
    : 'pgvector is not available on this server; it is optional';
  return { check: 'extensions', ok: true, found };
}

async function queue(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query(
    `select count(*)::int as jobs, count(*) filter (where attempts >= max_attempts)::int as exhausted,
       coalesce(round(extract(epoch from now() - min(run_at) filter (where run_at < now()))), 0) as oldest
     from graphile_worker.jobs`,
  );
  const { jobs, exhausted, oldest } = rows[0];
  return {
    check: 'queue',
    ok: exhausted === 0,
    found: `${jobs} jobs, the oldest overdue by ${oldest} s, ${exhausted} out of attempts`,
    ...(exhausted === 0
      ? {}
      : { fix: 'select key, last_error from graphile_worker.jobs where attempts >= max_attempts' }),
  };
}

async function clock(pool: Pool): Promise<Finding> {
  const before = Date.now();
  const { rows } = await pool.query('select clock_timestamp() as now');
  const off = Math.abs(rows[0].now.getTime() - (before + Date.now()) / 2);
  return {
    check: 'clock',
    ok: true,
    found: `${Math.round(off)} ms off the clock of the database; Howdah uses the clock of the database`,
  };
}

async function workers(pool: Pool): Promise<Finding> {
  const alive = await countWorkers(pool);
  return alive > 0
    ? { check: 'workers', ok: true, found: `${alive} running` }
    : {
        check: 'workers',
        ok: true,
        found: 'none running',
        fix: 'Runs wait until a worker is started: howdah worker',
      };
}

async function guarantees(pool: Pool): Promise<Finding> {
  const broken = await listViolations(queriesOn(pool));
  return broken.length === 0
    ? { check: 'guarantees', ok: true, found: 'none violated' }
    : {
        check: 'guarantees',
        ok: false,
        found: `${broken.length} violations, the first: ${broken[0]?.rule} ${broken[0]?.detail}`,
        fix: 'select * from howdah.violations',
      };
}
