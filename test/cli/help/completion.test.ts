import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from '../run-cli.ts';

/** Nothing listens here; completion does not connect to a database. */
const UNREACHABLE_URL = 'postgres://me@127.0.0.1:1/x';

const complete = async (...words: string[]) => {
  const { status, stdout } = await runCli(UNREACHABLE_URL, 'completion', 'words', '--', ...words);
  expect(status).toBe(0);
  return stdout.split('\n').flatMap((line) => line.split('\t')[0] || []);
};

describe('howdah completion words', () => {
  test.each<[string[], string[]]>([
    [['exec'], ['executions']],
    [['ex'], ['executions', 'explain']],
    [
      ['admin', 'se'],
      ['secret', 'secrets', 'settings'],
    ],
    [['admin', 'key', 'cr'], ['create']],
    [['dev', 'ex'], ['export']],
    [
      ['dev', 'completion', ''],
      ['bash', 'zsh', 'fish', 'pwsh'],
    ],
    [['runs', 'show', 'x', '--t'], ['--tree']],
    [
      ['db', ''],
      ['url', 'start', 'stop'],
    ],
    [['key', 'cr'], ['create']],
    [
      ['executions', '--status', ''],
      ['queued', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled'],
    ],
    [
      ['executions', '--status', 'c'],
      ['completed', 'cancelled'],
    ],
    [['executions', '--status=f'], ['failed']],
    [['executions', '--status', '=', 'f'], ['failed']], // the words as bash splits them
    [['--database-url', 'x', 'executions', '--st'], ['--status']],
    [
      ['migrate', ''],
      ['up', 'down', 'status'],
    ],
    [['show', '4711', '--t'], ['--tree']],
    [['apply', ''], [':files']],
    [['apply', 'a.yaml', ''], [':files']],
    [['export', '--out', ''], [':files']],
    [['key', 'create', 'ci', '--ro'], ['--role']],
    [['show', '--version'], []],
    [['--vers'], ['--version']],
    [['show', ''], []],
    [['nonsense', ''], []],
    [
      ['agents', ''],
      ['list', 'show', 'create', 'change', 'delete'],
    ],
    [['agents', '--te'], ['--tenant']],
    [
      ['runs', '--status', 'c'],
      ['completed', 'cancelled'],
    ],
    [['keys', 'cr'], ['create']],
    [['de'], ['demo', 'dev']],
    [
      ['ls', 's'],
      ['schedules', 'settings', 'secrets'],
    ],
    [['ls', 'runs', '--st'], ['--status']],
    [['ls', '--st'], ['--status']],
    [
      ['mcp', '--on-disconnect', ''],
      ['continue', 'cancel'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', 'pwsh'],
    ],
  ])('%j completes to %j', async (words, expected) => {
    expect((await complete(...words)).toSorted()).toEqual(expected.toSorted());
  });

  test('continues after complete words with --next', async () => {
    const words = await runCli(UNREACHABLE_URL, 'completion', 'words', '--next', '--', 'key');
    expect(words.stdout).toMatch(/^create\t.*\nlist\t.*\nrevoke\t.*\n$/);
  });

  test('lists every command with its summary', async () => {
    const { stdout } = await runCli(UNREACHABLE_URL, 'completion', 'words', '--', '');
    expect(stdout).toContain('show\tshow a run with all its steps\n');
    expect(stdout).not.toContain('words');
  });

  test('lists the options of every command', async () => {
    for (const noun of [[], ['admin'], ['dev']]) {
      for (const name of await complete(...noun, '')) {
        expect(await complete(...noun, name, '--')).toContain('--json');
      }
    }
  });
});

test('an unknown shell is rejected with the list of known shells', async () => {
  const { status, stderr } = await runCli(UNREACHABLE_URL, 'completion', 'tcsh');
  expect(status).toBe(2);
  expect(stderr).toContain('bash, zsh, fish, pwsh');
});

const bin = join(import.meta.dirname, '../../../bin');

test('bash completes with the script', () => {
  const script = `
    eval "$(howdah completion bash)"
    try() { COMP_WORDS=(howdah "$@"); COMP_CWORD=$#; _howdah; echo "\${COMPREPLY[*]}"; }
    try db ''; try executions --status = c; try show --tr; try agents x ''
    complete -p howdah`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH}` },
  });
  expect(stderr).not.toMatch(/error/i);
  expect(stdout.split('\n')).toEqual([
    'url start stop',
    'completed cancelled',
    '--tree',
    '',
    'complete -F _howdah howdah',
    '',
  ]);
});

/** Returns whether a shell is installed that can load its script. */
const hasShell = (name: string) => spawnSync(name, ['-c', 'exit']).status === 0;

test.each(['bash', 'zsh', 'fish'].filter(hasShell))(
  '%s accepts the syntax of its script',
  async (name) => {
    const { stdout } = await runCli(UNREACHABLE_URL, 'completion', name);
    const { status, stderr } = spawnSync(name, ['-n'], { input: stdout, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  },
);

test.runIf(hasShell('pwsh'))('PowerShell completes with the script', () => {
  const script = `
    howdah completion pwsh | Out-String | Invoke-Expression
    foreach ($line in 'howdah db ', 'howdah show --tr', 'howdah executions --status c') {
      ([System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches |
        ForEach-Object CompletionText) -join ' '
    }`;
  const { stdout } = spawnSync('pwsh', ['-NoProfile', '-Command', script], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}:${dirname(process.execPath)}:${process.env.PATH}` },
  });
  expect(stdout.split('\n')).toEqual(['url start stop', '--tree', 'completed cancelled', '']);
});
