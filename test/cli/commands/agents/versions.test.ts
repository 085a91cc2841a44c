import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

const database = testDatabase();

beforeAll(async () => {
  const { pool } = database;
  await pool.query(
    `insert into howdah.agents (name, instruction) values ('desk', E'Help.\nBe kind.'), ('twin', '')`,
  );
  await pool.query(
    `update howdah.agents set instruction = E'Help.\nBe brief.', max_steps = 9 where name = 'desk'`,
  );
  await pool.query(
    `insert into howdah.workflows (name, type) values ('press', 'chain'), ('twin', 'chain')`,
  );
  await pool.query(`insert into howdah.prompts (name, template) values ('greeting', 'Hello.')`);
  await pool.query(
    `insert into howdah.skills (name, description, content) values ('refunds', 'x', 'x')`,
  );
});

const cli = (...argv: string[]) => runCli(database.url, 'versions', ...argv);

describe('howdah versions', () => {
  test('lists number, label, digest, date and author', async () => {
    expect(await cli('desk', '--label', '1', 'production')).toMatchObject({
      status: 0,
      stdout: 'version 1 of agent desk has the label production\n',
    });
    const { stdout } = await cli('desk');
    expect(stdout).toMatch(
      /^VERSION +CREATED_AT +CREATED_BY +LABELS +DIGEST\n2 .*\n1 .* production +[0-9a-f]{12}\n$/,
    );
    const list = JSON.parse((await cli('desk', '--json')).stdout);
    expect(list).toMatchObject({
      kind: 'agent',
      name: 'desk',
      items: [
        { version: 2, labels: [] },
        { version: 1, labels: ['production'], digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ],
    });
  });

  test.each(['press', 'greeting', 'refunds'])('accepts %s too', async (name) => {
    expect((await cli(name)).stdout).toMatch(/\n1 /);
  });

  test('shows changes as text and as a JSON Patch', async () => {
    const { status, stdout } = await cli('desk', '--diff', 'production', '2');
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout:
        'agent.instruction\n@@ -1 +1 @@\n Help.\n-Be kind.\n+Be brief.\n\nagent.max_steps\n+9\n',
    });
    const { patch } = JSON.parse((await cli('desk', '--diff', '1', '--json')).stdout);
    expect(patch).toEqual([
      { op: 'replace', path: '/agent/instruction', value: 'Help.\nBe brief.' },
      { op: 'replace', path: '/agent/max_steps', value: 9 },
    ]);
    expect(await cli('desk', '--diff', '2')).toMatchObject({
      status: 0,
      stdout: '',
      stderr: 'The versions are the same.\n',
    });
  });

  test('restores a version as a new version', async () => {
    expect(await cli('desk', '--restore', '1')).toMatchObject({
      status: 0,
      stdout: 'agent desk is restored to version 1, as version 3\n',
    });
    expect((await cli('desk', '--diff', '1')).stdout).toBe('');
  });

  test.each([
    [['nobody'], 3, /there is no agent, workflow, prompt or skill named 'nobody'/],
    [['desk', '--kind', 'workflow'], 3, /there is no workflow named 'desk'/],
    [['twin'], 2, /agent and workflow have the name 'twin'[\s\S]*--kind agent/],
    [['desk', '--diff', '1', '9'], 3, /no version '9'/],
    [['desk', '--diff', '1', '2', '3'], 2, /one version or two/],
    [['desk', '--restore', 'x'], 2, /not a version number/],
    [['desk', '--restore', '9'], 3, /no version '9'/],
    [['desk', '--label', '1'], 2, /a version and a label/],
    [['desk', '--label', '1', 'No Word'], 2, /lower-case letters/],
    [['refunds', '--label', '1', 'production'], 2, /skills have no labels/],
    [['desk', '--diff', '1', '--restore', '1'], 2, /cannot be used/],
    [['desk', '--kind', 'team'], 2, /agent, workflow, prompt, skill/],
  ])('%j exits %i', async (argv, status, message) => {
    const result = await cli(...argv);
    expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: '' });
    expect(result.stderr).toMatch(message);
  });

  test('distinguishes two definitions of one name by --kind', async () => {
    const { stdout } = await cli('twin', '--kind', 'workflow', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'workflow' });
  });
});
