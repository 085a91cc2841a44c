import { expect, test } from 'vitest';
import { type CursorGroup, MAX_ROWS, planRead } from '../../../src/db/followers/read-order.ts';

type Named = CursorGroup & { name: string };

const groupsOf = (count: number, name: string, group: Partial<CursorGroup>): Named[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ name: `${name}${index}`, isBehind: true, servedAt: 0, ...group },
  }));
const namesIn = (groups: readonly Named[]) => groups.map(({ name }) => name);

test('a read has the new rows of all, and a bounded number of older ones', () => {
  const groups = [
    ...groupsOf(50, 'old', {}),
    ...groupsOf(300, 'new', { isBehind: false }),
    ...groupsOf(600, 'older', { servedAt: -1 }),
  ];
  const { queries, later } = planRead(groups);
  for (const { groups: some, most } of queries) {
    expect(some.length * most).toBeLessThanOrEqual(MAX_ROWS);
  }
  const news = queries.slice(0, -1).flatMap((query) => namesIn(query.groups));
  expect(news).toEqual(namesIn(groups.slice(50, 350)));
  expect(namesIn(queries.at(-1)?.groups ?? [])).toEqual(namesIn(groups.slice(350, 550)));
  expect(later).toHaveLength(450);
});

test('what one read left comes first in the next, before others that came meanwhile', () => {
  const served = groupsOf(400, 'served', { servedAt: 5 });
  const left = groupsOf(2, 'left', { servedAt: 3 });
  const came = groupsOf(10, 'came', { servedAt: 4 });
  const { queries } = planRead([...came, ...served, ...left]);
  expect(namesIn(queries[0]?.groups ?? []).slice(0, 12)).toEqual(namesIn([...left, ...came]));
});

test('a few that are behind get many rows each', () => {
  expect(planRead(groupsOf(1, 'one', {})).queries[0]?.most).toBe(200);
  expect(planRead(groupsOf(50, 'one', {})).queries).toMatchObject([{ most: 40 }]);
});
