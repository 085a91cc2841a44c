import type { Command } from 'commander';
import { migrationStatus } from '../../db/migrate.ts';
import { createPool, type Pool } from '../../db/pool.ts';
import { countWorkers, listViolations, queriesOn } from '../../db/queries.ts';
import { exitCodes } from '../exit-codes.ts';
import { type CliIo, paint, printJson } from '../output.ts';

type Finding = { check: string; ok: boolean; found: string; fix?: string };

/** `howdah doctor`: looks at everything a run needs and says what is wrong and how to mend it. Changes nothing. */
export function register(command: Command, io: CliIo): void {
  command.action(async () => {
    const { openDatabase } = await import('../../bootstrap.ts');
    const config = await io.config();
    const { url, isEmbedded } = await openDatabase(config, io.err);
    const pool = createPool({ url, applicationName: 'howdah-cli', max: 2 });
    try {
      const findings = [await server(pool, isEmbedded), await migrations(url)];
      if (findings.every(({ ok }) => ok)) {
        findings.push(await clock(pool), await workers(pool), await promises(pool));
      }
      const { provider, model } = config.defaultModel;
      findings.push({ check: 'model', ok: true, found: `${model} by ${provider}` });
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
    for (const { check, ok, found, fix } of findings) {
      io.out(
        `${paint(io, ok ? 'cyan' : 'red', ok ? 'ok  ' : 'BAD ')} ${check.padEnd(11)} ${found}`,
      );
      if (fix) {
        io.out(`     ${''.padEnd(11)} ${fix}`);
      }
    }
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
  const found = `PostgreSQL ${version}, ${isEmbedded ? 'embedded' : 'given'}, as ${login}, fsync ${fsync}`;
  return {
    check: 'server',
    ok,
    found,
    ...(ok ? {} : { fix: 'Use PostgreSQL 15 or newer with fsync = on.' }),
  };
}

async function migrations(url: string): Promise<Finding> {
  const { applied, pending, sql } = await migrationStatus(url);
  const ok = pending.length === 0 && sql === 'current';
  const found = `${applied.length} applied, ${pending.length} pending, sql/ ${sql}`;
  return { check: 'migrations', ok, found, ...(ok ? {} : { fix: 'howdah migrate up' }) };
}

async function clock(pool: Pool): Promise<Finding> {
  const before = Date.now();
  const { rows } = await pool.query('select clock_timestamp() as now');
  const off = Math.abs(rows[0].now.getTime() - (before + Date.now()) / 2);
  return {
    check: 'clock',
    ok: true,
    found: `${Math.round(off)} ms from the database's, which alone counts`,
  };
}

async function workers(pool: Pool): Promise<Finding> {
  const alive = await countWorkers(queriesOn(pool));
  return alive > 0
    ? { check: 'workers', ok: true, found: `${alive} alive` }
    : {
        check: 'workers',
        ok: true,
        found: 'none alive',
        fix: 'Runs wait until there is one: howdah worker',
      };
}

async function promises(pool: Pool): Promise<Finding> {
  const broken = await listViolations(queriesOn(pool));
  return broken.length === 0
    ? { check: 'promises', ok: true, found: 'howdah.violations is empty' }
    : {
        check: 'promises',
        ok: false,
        found: `${broken.length} broken, the first: ${broken[0]?.rule} ${broken[0]?.detail}`,
        fix: 'select * from howdah.violations',
      };
}
