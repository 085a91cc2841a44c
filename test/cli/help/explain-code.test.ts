import { describe, expect, test } from 'vitest';
import { errorPages } from '../../../src/cli/help/error-pages.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli, startAtTerminal } from '../run-cli.ts';

// Nothing listens here; the command does not connect to a database.
const UNREACHABLE_URL = 'postgres://me@127.0.0.1:1/x';
const explain = (...argv: string[]) => runCli(UNREACHABLE_URL, 'explain', ...argv);

test('howdah explain CODE prints the page, in upper or lower case', async () => {
  const page = await explain('HWNTF');
  expect(page).toMatchObject({ status: 0, stderr: '' });
  expect(page.stdout).toMatch(/^HWNTF: not found\n/);
  expect(page.stdout).toMatch(/^ {2}REST +404$/m);
  expect(page.stdout).toMatch(/^ {2}howdah +exits 3$/m);
  expect(page.stdout).toMatch(/^Again: no/m);
  expect(page.stdout).toContain("    select howdah.run('helpdesk', 'Where is my order?');");
  expect(await explain('hwntf')).toEqual(page);
});

test('the page shows the forms of the error that follow from its code', async () => {
  const { stdout } = await explain('rate_limited');
  expect(stdout).toMatch(/^ {2}A2A +a task that has failed$/m);
  expect(stdout).toMatch(/^ {2}howdah +exits 6 from run and watch$/m);
  expect((await explain('unknown_tool')).stdout).toMatch(
    /^ {2}SSE, WebSocket +an event observation$/m,
  );
  const refused = (await explain('HWTRM')).stdout;
  expect(refused).toMatch(/^ {2}WebSocket +a message error with a problem of status 409$/m);
  expect(refused).not.toMatch(/^- (REST|A2A)/m); // the list omits the forms that the page itself describes
});

test('howdah explain CODE --json prints the page as an object', async () => {
  const { status, stdout } = await explain('hwqta', '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'HWQTA',
    also: ['rate_limit_exceeded'],
    title: 'a limit is reached',
    meaning: expect.stringMatching(/howdah\.limits.*\.$/),
    http_status: 429,
    exit_code: 5,
    retry: expect.stringMatching(/^yes, after/),
    told: expect.arrayContaining([{ where: 'REST', as: '429 with Retry-After' }]),
    causes: expect.arrayContaining([
      { cause: expect.stringContaining('used up'), fix: expect.stringContaining('max_value') },
    ]),
  });
});

test('every code has an explanation, including codes that share a page', async () => {
  const pages = errorPages();
  expect(pages.length).toBeGreaterThan(20);
  for (const { code, also } of pages) {
    for (const one of [code, ...also]) {
      const { status, stdout } = await explain(one);
      expect(`${one} ${status} ${stdout.split(':')[0]}`).toBe(`${one} 0 ${code}`);
      expect(stdout, one).not.toMatch(/^(```|\||#)|\*\*|\]\(/m);
    }
  }
});

test.each([
  [
    'HWNTX',
    /there is no page for the error code HWNTX/,
    /^ hint: Did you mean HWNTF.*\? The codes are listed in \S*docs\/errors\//m,
  ],
  ['ratelimited', /the error code ratelimited/, /^ hint: Did you mean rate_limited/m],
  [
    '42P01',
    /the error code 42P01/,
    /^ hint: For error codes of PostgreSQL, see https:\/\/www\.postgresql\.org/m,
  ],
  [
    'zzzzzzzzzzzz',
    /the error code zzzzzzzzzzzz/,
    /^ hint: The codes are listed in \S*docs\/errors\/README\.md\n$/m,
  ],
])('the unknown code %s exits 3', async (word, message, hint) => {
  const { status, stdout, stderr } = await explain(word);
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(hint);
});

describe('at a terminal', () => {
  const db = testDatabase();
  const denied = ['sql', 'delete from howdah.steps', '--write'];
  const error = async (url: string, ...argv: string[]) =>
    (await startAtTerminal(url, ...argv).end()).stderr;

  test('an error without a hint names its explain command', async () => {
    expect(await error(db.url, ...denied)).toBe(
      'error: permission denied for table steps\n hint: howdah explain 42501\n',
    );
    expect(await error(db.url, ...denied, '--json')).not.toContain('howdah explain');
    expect((await runCli(db.url, ...denied)).stderr).not.toContain('howdah explain');
  });

  test('a failed run names its explain command, too', async () => {
    const worker = await startTestWorker(db.url);
    try {
      const script = [{ error: { status: 401, message: 'Incorrect API key provided' } }];
      const id = await makeAgent(db.pool, { script });
      await db.pool.query(`update howdah.agents set name = 'broken' where id = $1`, [id]);
      const output = await error(db.url, 'run', 'broken', 'Hi');
      expect(output).toMatch(/Incorrect API key provided\n hint: howdah explain unauthorized\n$/);
      expect((await runCli(db.url, 'run', 'broken', 'Hi')).stderr).not.toContain('howdah explain');
      const { rows } = await db.pool.query('select max(id::text) as id from howdah.executions');
      expect((await runCli(db.url, 'explain', rows[0].id)).stdout).toMatch(
        /by error unauthorized: possible causes\n( {4}- .+\n)* {4}- No key was sent\. Set .+\n( {4}- .+\n)* {2}next: howdah runs retry/,
      );
    } finally {
      await worker.stop(0);
    }
  });

  test('an error with a hint shows only that hint', async () => {
    const output = await error(UNREACHABLE_URL, 'executions');
    expect(output).toMatch(/^ hint: Check DATABASE_URL/m);
    expect(output).not.toContain('howdah explain');
  });
});
