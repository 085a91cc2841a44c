import { expect, test } from 'vitest';
import { ReaderPositions } from '../../../src/api/replica/reader-positions.ts';

const reader = (name: string) => ({ tenantId: 'tenant', userId: name });

test('a reader sees what was written by its next read', async () => {
  let end = 5n;
  const positions = new ReaderPositions(async () => end);
  expect(await positions.find(reader('Ann'))).toBe(0n);
  positions.requireLatest(reader('Ann'));
  end = 7n;
  expect(await positions.find(reader('Ann'))).toBe(7n);
  end = 9n;
  expect(await positions.find(reader('Ann'))).toBe(7n);
  expect(await positions.find(reader('Bob'))).toBe(0n);
});

test('the number of readers is bounded, also of those that never read', () => {
  const positions = new ReaderPositions(async () => 1n, 3);
  for (let index = 0; index < 100; index += 1) positions.requireLatest(reader(`${index}`));
  expect(positions.size).toBe(3);
});

test('an evicted reader still sees what it wrote', async () => {
  let end = 5n;
  const positions = new ReaderPositions(async () => end, 1);
  positions.requireLatest(reader('Ann')).position = 4n;
  positions.requireLatest(reader('Bob')).position = 3n;
  expect(await positions.find(reader('Ann'))).toBe(4n);
  positions.requireLatest(reader('Cid'));
  expect(await positions.find(reader('Ann'))).toBe(4n);
  positions.requireLatest(reader('Dan')); // Cid is evicted before it has read anything
  end = 6n;
  expect(await positions.find(reader('Cid'))).toBe(6n);
  expect(await positions.find(reader('Ann'))).toBe(6n);
});

test('a position that is read while a reader is evicted does not count for that reader', async () => {
  const ends = [Promise.withResolvers<bigint>(), Promise.withResolvers<bigint>()];
  let reads = 0;
  const positions = new ReaderPositions(() => ends[reads++]?.promise ?? Promise.resolve(0n), 1);
  positions.requireLatest(reader('Ann'));
  positions.requireLatest(reader('Bob'));
  const before = positions.find(reader('Ann'));
  positions.requireLatest(reader('Cid')); // evicts Bob
  const after = positions.find(reader('Bob'));
  ends[1]?.resolve(8n);
  ends[0]?.resolve(5n);
  expect(await before).toBe(5n);
  expect(await after).toBe(8n);
  expect(await positions.find(reader('Bob'))).toBe(8n);
});
