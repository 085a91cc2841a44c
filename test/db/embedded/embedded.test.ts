import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import {
  type EmbeddedServer,
  embeddedUrl,
  startEmbedded,
  stopEmbedded,
} from '../../../src/db/embedded/embedded.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const root = mkdtempSync(join(tmpdir(), 'howdah-embedded-'));
chmodSync(root, 0o755);
const module = new URL('../../../src/db/embedded/embedded.ts', import.meta.url).href;
const homes = new Set<string>();
const children = new Set<ChildProcess>();
const isRoot = process.getuid?.() === 0;

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const home of homes) await stopEmbedded(home);
  rmSync(root, { recursive: true, force: true });
});

describe('one home directory, from its first start on', () => {
  const home = newHome('first');
  let first: EmbeddedServer;

  test('the first start creates the cluster and the database', async () => {
    expect(embeddedUrl(home)).toBeNull();
    first = await startEmbedded({ home });
    expect(first.adopted).toBe(false);
    expect(embeddedUrl(home)).toBe(first.url);
    expect(await settings(first.url)).toEqual({
      database: 'howdah',
      owner: 'howdah',
      superuser: true,
      encoding: 'UTF8',
      locale: 'C.UTF-8',
      provider: 'b',
      fsync: 'on',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '200',
    });
    expect(statSync(join(home, 'postgres/howdah.password')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(home, '.gitignore'), 'utf8')).toBe('*\n');
  });

  test.runIf(process.platform === 'linux')(
    'the server gets no variables of ours, and none of its processes all memory',
    async () => {
      const environment = readFileSync(`/proc/${first.pid}/environ`, 'utf8').split('\0');
      const names = environment.map((entry) => entry.split('=')[0] ?? '').filter(Boolean);
      const ofPostgres = /^(PATH|LANG|TZ|PWD|OLDPWD|SHLVL|_|PG\w+|POSTGRES_\w+|LC_\w+)$/;
      expect(names.filter((name) => !ofPostgres.test(name))).toEqual([]);
      expect(process.env.HOME).toBeDefined();
      const large = `select length(repeat('x', 900000000))`;
      await expect(query(first.url, large)).rejects.toMatchObject({ code: '53200' });
      expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    },
  );

  test('a second start adopts the running server', async () => {
    const second = await startEmbedded({ home, port: first.port + 1 });
    expect(second).toEqual({ ...first, adopted: true });
  });

  test('the next start recreates a dropped database', async () => {
    await query(first.url.replace(/howdah$/, 'postgres'), 'drop database howdah');
    await startEmbedded({ home });
    expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('unqualified objects are not created in the schema howdah, though the owner has its name', async () => {
    const path = `select current_setting('search_path') as path`;
    expect(await query(first.url, path)).toEqual([{ path: 'public' }]);
    await query(first.url, 'alter database howdah reset search_path');
    await Promise.all([1, 2, 3].map(() => startEmbedded({ home })));
    expect(await query(first.url, path)).toEqual([{ path: 'public' }]);
    await query(first.url, 'alter database howdah set search_path = mine, public');
    await startEmbedded({ home });
    expect(await query(first.url, path)).toEqual([{ path: 'mine, public' }]);
    await query(first.url, 'alter database howdah set search_path = public');
  });

  test('after kill -9 of the postmaster the next start recovers, on the same port', async () => {
    await query(first.url, 'create table kept as select 42 as answer');
    process.kill(first.pid, 'SIGKILL');
    const next = await startEmbedded({ home });
    expect(next).toMatchObject({ adopted: false, url: first.url });
    expect(next.pid).not.toBe(first.pid);
    expect(await query(next.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  test('stop is idempotent', async () => {
    expect(await stopEmbedded(home)).toBe(true);
    expect(await stopEmbedded(home)).toBe(false);
    expect(embeddedUrl(home)).toBeNull();
  });

  test('a pid file whose pid now belongs to another program is ignored', async () => {
    const { uid, gid } = statSync(join(home, 'postgres'));
    const other = own(spawn('sleep', ['600'], isRoot ? { uid, gid, cwd: '/' } : {}));
    writePidFile(home, other.pid);
    expect(embeddedUrl(home)).toBeNull();
    expect(await stopEmbedded(home)).toBe(false);
    const server = await startEmbedded({ home });
    expect(server.adopted).toBe(false);
    expect(server.pid).not.toBe(other.pid);
    expect(other.exitCode).toBeNull();
  });

  test('a server that fails to start reports the output of pg_ctl and the log', async () => {
    await stopEmbedded(home);
    const settingsFile = join(home, 'postgres/postgresql.auto.conf');
    const before = readFileSync(settingsFile, 'utf8');
    writeFileSync(settingsFile, "shared_buffers = 'a lot'\n");
    const failure = startEmbedded({ home });
    await expect(failure).rejects.toMatchObject({ code: 'EPOSTGRES' });
    await expect(failure).rejects.toHaveProperty(
      'detail',
      expect.stringContaining('shared_buffers'),
    );
    writeFileSync(settingsFile, before);
  });
});

test('a server survives kill -9 of the process that started it, and is adopted', async () => {
  const home = newHome('orphan');
  const starter = own(howdah(home, ['db', 'start']));
  await until(() => existsSync(join(home, 'postgres/postmaster.pid')));
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  const server = await startEmbedded({ home });
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  expect(await startEmbedded({ home })).toEqual({ ...server, adopted: true });
});

test('kill -9 while the cluster is created leaves nothing half done', async () => {
  const home = newHome('half');
  const starter = own(howdah(home, ['db', 'start']));
  await until(() => existsSync(home) && readdirSync(home).some((name) => name.endsWith('.new')));
  starter.kill('SIGKILL');
  await once(starter, 'exit');
  expect(existsSync(join(home, 'postgres'))).toBe(false);
  const server = await startEmbedded({ home });
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('two processes that start the same new home at once share one server', async () => {
  const home = newHome('twice');
  const outputs = await Promise.all([0, 1].map(() => stdoutOf(howdah(home, ['db', 'url']))));
  expect(outputs).toEqual([`${embeddedUrl(home)}\n`, `${embeddedUrl(home)}\n`]);
  expect(readdirSync(home).sort()).toEqual(['.gitignore', 'postgres']);
});

test('two concurrent starts in one process share one server', async () => {
  const home = newHome('twice-inside');
  const [one, two] = await Promise.all([startEmbedded({ home }), startEmbedded({ home })]);
  expect(one.pid).toBe(two.pid);
});

test('a port in use is replaced by another one', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const server = await startEmbedded({ home: newHome('port'), port });
  taken.close();
  expect(server.port).not.toBe(port);
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

describe('rejects a home', () => {
  test('below a file', async () => {
    writeFileSync(join(root, 'file'), '');
    const failure = startEmbedded({ home: join(root, 'file/home') });
    await expect(failure).rejects.toMatchObject({
      code: 'EHOME',
      message: expect.stringContaining(join(root, 'file/home')),
      hint: expect.stringContaining('HOWDAH_HOME'),
    });
  });

  test.runIf(isRoot)('in a folder that the server’s account may not enter', async () => {
    mkdirSync(join(root, 'closed'), { mode: 0o700 });
    await expect(startEmbedded({ home: join(root, 'closed/home') })).rejects.toMatchObject({
      code: 'EHOME',
      message: expect.stringContaining(`may not enter ${join(root, 'closed')},`),
      hint: expect.stringContaining(`chmod o+x ${join(root, 'closed')}`),
    });
  });

  test('whose folder postgres contains something else', async () => {
    const home = join(root, 'strange');
    mkdirSync(join(home, 'postgres'), { recursive: true });
    writeFileSync(join(home, 'postgres/notes.txt'), '');
    await expect(startEmbedded({ home })).rejects.toMatchObject({
      code: 'EHOME',
      message: expect.stringContaining('contains no PostgreSQL data'),
    });
  });

  test('with a name that pg_ctl would pass to a shell', async () => {
    const failure = startEmbedded({ home: join(root, 'a$(b)') });
    await expect(failure).rejects.toMatchObject({ code: 'EHOME' });
  });
});

test.runIf(isRoot)('data of another user is neither started nor reported as stopped', async () => {
  const home = newHome('foreign');
  mkdirSync(home);
  mkdirSync(join(home, 'postgres'), { mode: 0o700 });
  const script = `import { stopEmbedded } from ${JSON.stringify(module)};
    await stopEmbedded(process.argv[1]).catch((error) => console.log(error.code, error.message));`;
  const flags = ['--input-type=module', '--eval', script, home];
  const nobody = { uid: 65_534, gid: 65_534, cwd: '/' };
  const child = spawn(process.execPath, flags, nobody);
  expect(await stdoutOf(child)).toMatch(/^EHOME .* belongs to another user\.\n$/);
});

const fifteen = '/usr/lib/postgresql/15/bin';
describe.runIf(existsSync(fifteen))('PostgreSQL 15', () => {
  const home = newHome('fifteen');
  const binaries = {
    initdb: join(fifteen, 'initdb'),
    pg_ctl: join(fifteen, 'pg_ctl'),
    postgres: join(fifteen, 'postgres'),
  };

  test('runs the same way', async () => {
    const { url } = await startEmbedded({ home, binaries });
    expect(await query(url, "select lower('Ä') as lower, 'B' < 'a' as by_code_point")).toEqual([
      { lower: 'ä', by_code_point: true },
    ]);
  });

  test('has its data rejected by another major version with a clear error', async () => {
    await stopEmbedded(home);
    await expect(startEmbedded({ home })).rejects.toMatchObject({
      code: 'EHOME',
      message: expect.stringContaining('was created by PostgreSQL 15'),
    });
  });
});

function newHome(name: string): string {
  const home = join(root, name);
  homes.add(home);
  return home;
}

function own(child: ChildProcess): ChildProcess {
  children.add(child);
  return child;
}

function howdah(home: string, args: string[]): ChildProcess {
  const { DATABASE_URL: _, ...env } = process.env;
  const bin = join(import.meta.dirname, '../../../bin/howdah');
  return spawn(process.execPath, [bin, ...args], { cwd: root, env: { ...env, HOWDAH_HOME: home } });
}

async function stdoutOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += chunk;
  });
  await once(child, 'close');
  return text;
}

/** Writes the files of a ready server with this `pid`. */
function writePidFile(home: string, pid: number | undefined): void {
  const dataDir = join(home, 'postgres');
  const lines = [pid, dataDir, 1_760_000_000, 5432, '', '127.0.0.1', '  1234  5678', 'ready   '];
  writeFileSync(join(dataDir, 'postmaster.pid'), `${lines.join('\n')}\n`, { mode: 0o600 });
}

const until = (condition: () => boolean) => expect.poll(condition, { interval: 2 }).toBe(true);

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function settings(url: string): Promise<unknown> {
  const [row] = await query(
    url,
    `select current_database() as database, current_user as owner, r.rolsuper as superuser,
       pg_encoding_to_char(d.encoding) as encoding, d.datlocale as locale, d.datlocprovider as provider,
       current_setting('fsync') as fsync, current_setting('listen_addresses') as listen_addresses,
       current_setting('unix_socket_directories') as unix_socket_directories,
       current_setting('max_connections') as max_connections
     from pg_database d join pg_roles r on r.rolname = current_user where d.datname = current_database()`,
  );
  return row;
}
