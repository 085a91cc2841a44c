import { expect, test } from 'vitest';
import { parseNextTime, parseTime } from '../../../src/cli/input/parse-time.ts';
import { runCli } from '../run-cli.ts';

/** Nothing listens here. An invalid value is rejected before the command connects. */
const UNREACHABLE_URL = 'postgres://me@127.0.0.1:1/x';
const now = new Date(2026, 10, 22, 12, 30, 15);

test.each([
  ['18:00', new Date(2026, 10, 22, 18, 0)],
  ['12:31', new Date(2026, 10, 22, 12, 31)],
  ['12:30', new Date(2026, 10, 23, 12, 30)],
  ['7:05', new Date(2026, 10, 23, 7, 5)],
  ['00:00', new Date(2026, 10, 23)],
  ['2026-12-01 18:00', new Date(2026, 11, 1, 18, 0)],
  ['2026-12-01T18:00:00Z', new Date(Date.UTC(2026, 11, 1, 18))],
  ['2026-12', new Date(Date.UTC(2026, 11, 1))],
  ['2026-12-01', new Date(Date.UTC(2026, 11, 1))],
])('parses %s as a time', (text, expected) => {
  expect(parseNextTime(text, now)).toEqual(expected);
});

test.each(['24:00', '18:60', '18', '5', 'tomorrow', 'foo 1', '', '2026-13-01'])(
  'rejects %j as a time',
  (text) => {
    expect(parseNextTime(text, now)).toBeUndefined();
    expect(parseTime(text)).toBeUndefined();
  },
);

test.each([
  [['run', 'a', 'Hi', '--at', '5'], '18:00'],
  [['run', 'a', 'Hi', '--at', '25:00'], '18:00'],
  [['executions', '--since', '5'], '7d'],
])('%j is rejected with an example', async (argv, example) => {
  const { status, stdout, stderr } = await runCli(UNREACHABLE_URL, ...argv);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(example);
});
