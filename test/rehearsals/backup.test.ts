import { describe, expect, test } from 'vitest';
import type { Figure } from '../../bench/figures.ts';
import { run as rehearseBackup } from '../../deploy/rehearsals/backup.ts';
import { run as rehearseRecovery } from '../../deploy/rehearsals/recovery.ts';
import { findFullPostgres } from '../../deploy/rehearsals/support/full-servers.ts';

// Runs the rehearsals `backup` and `recovery` with few runs. Each starts its own servers and
// workers.

/** Collects the figures of a rehearsal. */
async function collect(figures: AsyncIterable<Figure>): Promise<Figure[]> {
  const all: Figure[] = [];
  for await (const one of figures) all.push(one);
  return all;
}

const small = { argv: ['--runs', '2', '--later', '3'], log() {} };

describe.runIf(findFullPostgres())('small-scale rehearsal', () => {
  test('a backup restored into a second server', async () => {
    const argv = [...small.argv, '--history', '0'];
    const figures = await collect(rehearseBackup({ ...small, argv }));
    expect(figures.filter(({ holds }) => holds === false)).toEqual([]);
    expect(figures.map(({ figure }) => figure)).toContain('other_end_in_second');
  }, 300_000);

  test('recovery to a point in time', async () => {
    const figures = await collect(rehearseRecovery(small));
    expect(figures.filter(({ holds }) => holds === false)).toEqual([]);
    expect(figures.map(({ figure }) => figure)).toContain('recovered_runs_ended');
  }, 300_000);
});
