import { expect, test } from 'vitest';
import type { CliIo } from '../../../src/cli/output/output.ts';
import { showLimit } from '../../../src/cli/print/live-run.ts';

test('a run at a limit names the command that explains the limit', () => {
  const lines: string[] = [];
  const io = { json: false, err: (line: string) => lines.push(line) } as unknown as CliIo;
  showLimit(io, '019a0000-0000-7000-8000-000000000001');
  expect(lines.join('\n')).toContain('howdah explain 019a0000-0000-7000-8000-000000000001');
});
