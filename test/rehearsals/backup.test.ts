import { describe, expect, test } from 'vitest';
import type { Figure } from '../../bench/figures.ts';
import { run as rehearseBackup } from '../../deploy/rehearsals/backup.ts';
import { run as rehearseRecovery } from '../../deploy/rehearsals/recovery.ts';
import { fullPostgres } from '../../deploy/rehearsals/support/full-servers.ts';

// The rehearsals in small: what each of them shows holds. They start servers and workers of their own.

async function played(figures: AsyncIterable<Figure>): Promise<Figure[]> {
  const all: Figure[] = [];
  for await (const one of figures) all.push(one);
  return all;
}

const small = { words: ['--runs', '2', '--later', '3'], talk() {} };

describe.runIf(fullPostgres())('small-scale rehearsal', () => {
  test('a backup restored into a second server', async () => {
    const words = [...small.words, '--history', '0'];
    const figures = await played(rehearseBackup({ ...small, words }));
    expect(figures.filter(({ holds }) => holds === false)).toEqual([]);
    expect(figures.map(({ figure }) => figure)).toContain('other_end_in_second');
  }, 300_000);

  test('recovery to a point in time', async () => {
    const figures = await played(rehearseRecovery(small));
    expect(figures.filter(({ holds }) => holds === false)).toEqual([]);
    expect(figures.map(({ figure }) => figure)).toContain('recovered_runs_ended');
  }, 300_000);
});
