import { expect, test } from 'vitest';
import { previewLines, previewSummary } from '../../../src/cli/print/preview.ts';
import type { Preview } from '../../../src/contracts/runs/preview.ts';

const preview: Preview = {
  result: '{"id": 7}',
  tables: [
    {
      ...{ table: 'shop.orders', inserted: 1, updated: 1, deleted: 0, more_rows: 3 },
      rows: [
        { before: { id: 1, status: 'new' }, after: { id: 1, status: 'sent\u001b[2J' } },
        { after: { id: 7, status: 'new' } },
      ],
    },
    {
      ...{ table: 'shop.audit', inserted: 2, updated: 0, deleted: 0, more_rows: 0 },
      ...{ rows: [], left_out: 'rights' },
    },
  ],
  altered: ['shop.orders'],
  new_each_time: ['shop.orders.id', 'result.id'],
};

test('a preview lists results and changes on terminal lines', () => {
  expect(previewLines(preview)).toEqual([
    '  it would return {"id": 7} and change 1 inserted into shop.orders, 1 updated in shop.orders, 2 inserted into shop.audit',
    '    - shop.orders {"id":1,"status":"new"}',
    '    + shop.orders {"status":"sent\\u001b[2J"}',
    '    + shop.orders {"id":7,"status":"new"}',
    '    … and 3 more in shop.orders',
    '    shop.audit: rows that the run may not see are not shown',
    '  and alter or empty shop.orders',
    '  different on each call: shop.orders.id, result.id',
  ]);
});

test('a wide row is shown with its changed columns and its keys', () => {
  const wide = { name: 'n'.repeat(200), id: 1, city: 'Berlin', price: 0.99 };
  const rows = [{ before: wide, after: { ...wide, price: 1.09 } }];
  const table = { table: 'shop.tracks', inserted: 0, updated: 1, deleted: 0, more_rows: 0, rows };
  const lines = previewLines({ ...preview, tables: [table], altered: [], new_each_time: [] });
  expect(lines.slice(1)).toEqual([
    expect.stringMatching(
      /^ {4}- shop\.tracks \{"price":0\.99,"id":1,"city":"Berlin","name":"n+…$/,
    ),
    '    + shop.tracks {"price":1.09}',
  ]);
});

test('a call without changes is reported as such', () => {
  expect(previewSummary({ ...preview, tables: [], altered: [] })).toBe('nothing');
});
