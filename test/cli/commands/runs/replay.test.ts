import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { runCli } from '../../run-cli.ts';

const UNKNOWN = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
const UNREACHABLE_URL = 'postgres://me@127.0.0.1:1/nowhere';

let database: TestDatabase;
let folder: string;
let file: string;
let id: string;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'howdah-replay-'));
  file = join(folder, 'run.json');
  const worker = await startTestWorker(database.url);
  await database.pool.query(`
    insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');
    insert into howdah.agents (name, instruction) values ('greeter', E'Greet.\\nBe brief.');
    insert into howdah.agent_models (agent_id, model_id, request_params)
    select howdah.agent('greeter'), m.id, '{"script": [{"content": "Hello there"}]}'
    from howdah.models as m where m.name = 'script'`);
  await cli('run', 'greeter', 'Hi');
  await worker.stop(0);
  const { rows } = await database.pool.query('select id from howdah.executions');
  id = rows[0].id;
  await cli('export-run', id, '--out', file);
  await database.pool.query(
    `update howdah.agents set instruction = E'Greet.\\nBe polite.' where name = 'greeter'`,
  );
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

const cli = (...argv: string[]) => runCli(database.url, ...argv);

describe('howdah export-run', () => {
  test('prints one document with identical bytes each time, and writes it with --out', async () => {
    const { status, stdout } = await cli('export-run', id);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ format: 'howdah-run', execution: { id } });
    expect((await cli('export-run', id)).stdout).toBe(stdout);
    expect(await readFile(file, 'utf8')).toBe(stdout);
    const short = await cli('export-run', id, '--json');
    expect(short.stdout.trim()).not.toContain('\n');
    expect(JSON.parse(short.stdout)).toEqual(JSON.parse(stdout));
  });

  test('with --redact writes a file that replay rejects', async () => {
    const path = join(folder, 'redacted.json');
    await cli('export-run', id, '--redact', '--out', path);
    const text = await readFile(path, 'utf8');
    expect(text).not.toContain('Hello there');
    expect(JSON.parse(text)).toMatchObject({ contents: 'redacted', execution: { id } });
    const { status, stderr } = await runCli(UNREACHABLE_URL, 'replay', path);
    expect(status).toBe(2);
    expect(stderr).toContain('without --redact');
  });

  test('reports a missing output folder', async () => {
    const path = join(folder, 'nowhere', 'run.json');
    const { status, stderr } = await cli('export-run', id, '--out', path);
    expect(status).toBe(2);
    expect(stderr).toContain(`there is no folder ${join(folder, 'nowhere')}`);
    expect((await cli('export-run', id, '--out', folder)).stderr).toContain('it is a folder');
    expect((await cli('export-run', id, '--out', join(file, 'x'))).stderr).toContain(
      'is not a folder',
    );
  });

  test('of an unknown run exits 3, and of a malformed id 2', async () => {
    expect((await cli('export-run', UNKNOWN)).status).toBe(3);
    expect((await cli('export-run', '4711')).status).toBe(2);
  });
});

describe('howdah replay', () => {
  test('of an unchanged run is equal and exits 0, even if its agent has changed', async () => {
    expect(await cli('replay', id)).toMatchObject({
      status: 0,
      stdout: 'equal: 2 steps as recorded\n',
    });
    const { stdout } = await cli('replay', id, '--json');
    expect(JSON.parse(stdout)).toEqual({ equal: true, steps: 2, divergences: [] });
  });

  test('of a file needs no database', async () => {
    expect(await runCli(UNREACHABLE_URL, 'replay', file)).toMatchObject({ status: 0 });
  });

  test('with --agent shows the effect of the current prompt, and exits 6', async () => {
    for (const run of [id, file]) {
      const { status, stdout } = await cli('replay', run, '--agent', 'greeter');
      expect(status).toBe(6);
      expect(stdout).toBe(
        [
          'recorded  an answer of the model script: Hello there',
          'now       the model script is sent something else',
          '@@ -3 +3 @@',
          ' [system]',
          ' Greet.',
          '-Be brief.',
          '+Be polite.',
          ' [user]',
          ' Hi',
          `diverged at step 1 (model) of ${id}`,
          '',
        ].join('\n'),
      );
    }
    expect((await cli('replay', id, '--agent', 'greeter', '--version', '1')).status).toBe(0);
    expect((await cli('replay', id, '--agent', 'greeter', '--version', '2')).status).toBe(6);
  });

  test('with --json prints all divergences', async () => {
    const changed = JSON.parse(await readFile(file, 'utf8'));
    changed.execution.output = 'Good day';
    const path = join(folder, 'changed.json');
    await writeFile(path, JSON.stringify(changed));
    const { status, stdout } = await runCli(UNREACHABLE_URL, 'replay', path, '--json');
    expect(status).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({
      equal: false,
      divergences: [{ kind: 'end', now: 'the run completed: Hello there' }],
    });
  });

  test('of a missing run exits 3, and of an invalid file 2', async () => {
    const broken = join(folder, 'broken.json');
    await writeFile(broken, '{');
    const other = join(folder, 'other.json');
    await writeFile(other, '{}');
    const statuses = async (...argv: string[]) => (await cli('replay', ...argv)).status;
    expect(await statuses(UNKNOWN)).toBe(3);
    expect(await statuses(join(folder, 'nothing.json'))).toBe(3);
    expect(await statuses(id, '--agent', 'greter')).toBe(3);
    expect(await statuses(id, '--agent', 'greeter', '--version', '9')).toBe(3);
    expect(await statuses(broken)).toBe(2);
    expect(await statuses(other)).toBe(2);
    expect(await statuses(id, '--version', '1')).toBe(2);
    expect(await statuses(id, '--agent', 'greeter', '--version', 'new')).toBe(2);
  });
});
