import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import type { Binaries } from '../../../src/db/embedded/binaries.ts';
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/embedded.ts';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import {
  AFTER_KILL,
  AGENTS,
  DEFINITIONS,
  FINISHED,
  TEAM,
  TEAM_RUN,
  TOOLS,
  UNDER_WAY,
} from './release-scenes.ts';

// node test/support/releases/record-release.ts COMMIT [FOLDER] records the database of a release in
// test/fixtures/releases, or in another folder. The migrations of the release create the database,
// and its worker fills it. When the worker is killed, some runs are still active.
//
// Requires the commit in this clone, and PostgreSQL with pg_dump of a supported major version: the
// newest one in /usr/lib/postgresql, or PG_BIN.

const [commit, folder] = process.argv.slice(2);
const RELEASES = folder ?? join(PACKAGE_ROOT, 'test/fixtures/releases');
if (commit === undefined) {
  console.error('usage: node test/support/releases/record-release.ts COMMIT [FOLDER]');
  process.exit(2);
}
const home = mkdtempSync(join(tmpdir(), 'howdah-record-'));
chmodSync(home, 0o755); // the server may run as another user
const tree = join(home, 'tree');
const binFolder = process.env.PG_BIN ?? newestBinaries();
const binaries: Binaries = {
  initdb: join(binFolder, 'initdb'),
  pg_ctl: join(binFolder, 'pg_ctl'),
  postgres: join(binFolder, 'postgres'),
};
let worker: ChildProcess | undefined;
try {
  runProgram('git', ['-C', PACKAGE_ROOT, 'worktree', 'add', '--detach', tree, commit]);
  symlinkSync(join(PACKAGE_ROOT, 'node_modules'), join(tree, 'node_modules'));
  const { url } = await startEmbedded({ home, binaries });
  runProgram(process.execPath, [join(tree, 'src/cli/main.ts'), 'migrate', 'up'], environment(url));
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // the connection may be open when the server stops
  await client.connect();
  await fillDatabase(client, url);
  const last = readdirSync(join(tree, 'migrations')).sort().at(-1)?.replace('.sql', '');
  await client.end();
  const dump = runProgram(join(binFolder, 'pg_dump'), ['--rows-per-insert=100', '--dbname', url]);
  mkdirSync(RELEASES, { recursive: true });
  const file = join(RELEASES, `${last}.sql.gz`);
  writeFileSync(file, gzipSync(makePortable(dump), { level: 9 }));
  console.log(`wrote ${file}`);
} finally {
  worker?.kill('SIGKILL');
  await stopEmbedded(home, binaries);
  spawnSync('git', ['-C', PACKAGE_ROOT, 'worktree', 'remove', '--force', tree]);
  rmSync(home, { recursive: true, force: true });
}

function newestBinaries(folder = '/usr/lib/postgresql'): string {
  const majors = existsSync(folder) ? readdirSync(folder).map(Number) : [];
  const newest = Math.max(...majors.filter((major) => major >= 15 && major <= 18));
  if (newest < 15) throw new Error(`no PostgreSQL in ${folder}: name one by PG_BIN`);
  return join(folder, String(newest), 'bin');
}

function environment(url: string): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, DATABASE_URL: url, HOWDAH_HOME: join(home, 'howdah') };
}

function runProgram(program: string, args: string[], env = process.env): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    env,
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

/**
 * Removes commands that only psql understands, and replaces the login of this database with the
 * login that will load the dump.
 */
function makePortable(dump: string): string {
  return dump
    .replace(/^\\(un)?restrict .*$/gm, '')
    .replace(/\b(OWNER TO|FOR ROLE|TO|FROM|GRANTED BY) howdah\b(?!\.)/g, '$1 CURRENT_USER');
}

/**
 * Creates definitions, completed runs, and runs of every kind that are active when their worker is
 * killed.
 */
async function fillDatabase(db: pg.Client, url: string): Promise<void> {
  const ask = async (text: string, values: unknown[] = []) => (await db.query(text, values)).rows;
  await ask(DEFINITIONS);
  for (const [name, script, isAsking] of AGENTS) {
    await ask(
      `with agent as (
         insert into howdah.agents (name, instruction, human_input) values ($1, 'Do as told.', $3) returning id
       )
       insert into howdah.agent_models (agent_id, model_id, request_params)
       select a.id, m.id, jsonb_build_object('script', $2::jsonb) from agent as a, howdah.models as m
       where m.name = 'script'`,
      [name, JSON.stringify(script), isAsking],
    );
  }
  await ask(TOOLS);
  await ask(TEAM);
  worker = await startWorker(url);
  for (const text of FINISHED) await ask(text);
  await waitUntil(
    db,
    `count(*) filter (where status in ('completed', 'failed')) = ${FINISHED.length}`,
  );
  for (const text of [...UNDER_WAY, TEAM_RUN]) await ask(text);
  // Wait until the slow runs are in their second model call, and the others wait.
  await waitUntil(
    db,
    `count(*) filter (where status = 'running' and step_count = 4) = 2
       and count(*) filter (where status = 'waiting' and waiting_for = 'question') = 4
       and count(*) filter (where status = 'waiting' and waiting_for = 'child') = 3`,
  );
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  for (const text of AFTER_KILL) await ask(text);
  console.log(
    (
      await ask(
        `select metadata ->> 'recorded' as run, depth, status, waiting_for, step_count from howdah.executions order by id`,
      )
    )
      .map((row) => JSON.stringify(row))
      .join('\n'),
  );
}

async function startWorker(url: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(tree, 'src/cli/main.ts'), 'worker'], {
    env: environment(url),
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  for await (const line of child.stderr) {
    process.stderr.write(line);
    if (String(line).includes('Howdah is ready')) break;
  }
  child.stderr?.resume();
  return child;
}

async function waitUntil(db: pg.Client, condition: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const { rows } = await db.query(
      `select ${condition} as is from (
         select e.status, e.waiting_for, c.step_count
         from howdah.executions as e join howdah.execution_counters as c on c.execution_id = e.id
       ) as runs`,
    );
    if (rows[0].is) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { rows } = await db.query('select * from howdah.executions order by id');
  throw new Error(`did not happen: ${condition}\n${JSON.stringify(rows, null, 1)}`);
}
