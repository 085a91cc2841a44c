import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { CommandEntry } from '../../../src/cli/command-entry.ts';
import { main } from '../../../src/cli/main.ts';
import { type CliIo, printTable } from '../../../src/cli/output/output.ts';
import { showsUnicode, tableLines } from '../../../src/cli/output/terminal.ts';
import { inCell, oneLine, plainText } from '../../../src/cli/output/terminal-text.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';

const ID = '01a1f805-7e9f-729f-9dc6-14d018338ca2';

type TerminalOptions = { isTTY?: boolean; columns?: number; env?: Record<string, string> };

/** Runs one action as `howdah show`, with or without a terminal. */
async function runShow(
  action: (io: CliIo) => void,
  { isTTY = false, columns = 200, env = {} }: TerminalOptions = {},
) {
  const stream = () => Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY, columns });
  const host = Object.assign(new EventEmitter(), {
    stdin: Object.assign(new PassThrough(), { isTTY }),
    stdout: stream(),
    stderr: stream(),
    env,
    exit: () => {},
  });
  const entry: CommandEntry = {
    name: 'show',
    summary: 'shows',
    load: async () => ({ register: (command, io) => void command.action(() => action(io)) }),
  };
  await main(['show'], host, [entry]);
  return { stdout: String(host.stdout.read() ?? ''), stderr: String(host.stderr.read() ?? '') };
}

describe('a table', () => {
  const rows = [
    { id: ID, name: 'a', prompt: 'x'.repeat(100), steps: 12 },
    { id: ID, name: 'b', prompt: 'short', steps: 3 },
  ];
  const print = (io: CliIo) => printTable(io, rows);

  test('is as wide as the terminal and truncates no id and no number', async () => {
    const lines = (await runShow(print, { isTTY: true, columns: 80 })).stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.length)).toEqual([80, 77, 76]);
    expect(lines[1]).toMatch(new RegExp(`^${ID}  a     x{20,}…  12$`));
  });

  test('is not wider where three dots mark the truncation', async () => {
    const terminal = { isTTY: true, columns: 80, env: { LC_ALL: 'C' } };
    const [, first = ''] = (await runShow(print, terminal)).stdout.split('\n');
    expect(first).toMatch(/ x{20,}\.\.\. {2}12$/);
    expect(first).toHaveLength(77);
  });

  test('has no more digits of a fraction than people compare, and all before the point', async () => {
    const scores = [0.971123456789, 0.000012345678, 1234567.25, 99999.987, -0.5, 12, 2.5e-9];
    const printed = await runShow((io) =>
      printTable(
        io,
        scores.map((score) => ({ score })),
      ),
    );
    expect(printed.stdout.split('\n').map((line) => line.trim())).toEqual([
      ...['SCORE', '0.971123', '0.0000123457', '1234567', '100000', '-0.5', '12'],
      ...['0.0000000025', ''],
    ]);
  });

  test('is not truncated when piped', async () => {
    expect((await runShow(print)).stdout).toContain(`${'x'.repeat(100)}  12`);
  });

  test('exceeds the terminal width rather than become unreadable', () => {
    const lines = tableLines(
      [
        ['ID', 'PROMPT'],
        [ID, 'x'.repeat(100)],
      ],
      20,
    );
    expect(lines[1]).toBe(`${ID}  xxxxxxx…`);
  });
});

describe('non-ASCII characters', () => {
  const say = (io: CliIo) => io.out('├─ a → b… · Zoë');

  test.each([
    [{ LANG: 'C' }, '|- a -> b... - Zoë\n'],
    [{ LC_ALL: 'POSIX', LANG: 'de_DE.UTF-8' }, '|- a -> b... - Zoë\n'],
    [{ TERM: 'linux', LANG: 'C.UTF-8' }, '|- a -> b... - Zoë\n'],
    [{ LANG: 'de_DE.utf8' }, '├─ a → b… · Zoë\n'],
    [{}, '├─ a → b… · Zoë\n'],
  ])('at a terminal with %j', async (env, expected) => {
    expect((await runShow(say, { isTTY: true, env })).stdout).toBe(expected);
  });

  test('are unchanged when piped', async () => {
    expect((await runShow(say, { env: { LANG: 'C' } })).stdout).toBe('├─ a → b… · Zoë\n');
    expect(showsUnicode({ LANG: 'C' })).toBe(false);
  });
});

test.each([
  [{}, true],
  [{ CI: 'false' }, true],
  [{ CI: 'true' }, false],
  [{ CI: '1' }, false],
])('at a terminal with %j the prompt is interactive: %j', async (env, expected) => {
  const { stdout } = await runShow((io) => io.out(String(io.ask !== undefined)), {
    isTTY: true,
    env,
  });
  expect(stdout).toBe(`${expected}\n`);
});

test.each(Object.entries(HOSTILE_STRINGS))('%s moves no cursor of a terminal', (_name, text) => {
  const moves = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;
  expect(plainText(text).replaceAll(/[\t\n]/g, '')).not.toMatch(moves);
  expect(inCell(text)).not.toMatch(moves);
  expect(oneLine(text, 40)).not.toMatch(moves);
  expect(oneLine(text, 40).length).toBeLessThanOrEqual(40);
});
