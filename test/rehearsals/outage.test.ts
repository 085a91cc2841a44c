import { expect, onTestFinished, test } from 'vitest';
import type { Figure } from '../../bench/figures.ts';
import { startServer } from '../../bench/server.ts';
import { run } from '../../deploy/rehearsals/outage.ts';

test('a model server that is killed loses no run', async () => {
  const server = await startServer(undefined);
  onTestFinished(() => server.stop());
  const argv = ['--runs', '4', '--down', '4'];
  const figures: Figure[] = [];
  for await (const one of run({ argv, log() {}, server: async () => server })) figures.push(one);
  expect(figures.filter(({ holds }) => holds === false)).toEqual([]);
  expect(figures.map(({ figure }) => figure)).toContain('runs_lost');
}, 300_000);
