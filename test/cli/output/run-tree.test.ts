import { expect, test } from 'vitest';
import { treeLines } from '../../../src/cli/print/run-tree.ts';
import type { TreeNode } from '../../../src/db/queries/queries.ts';

const node = (name: string, other: Partial<TreeNode>): TreeNode => ({
  execution_id: `id of ${name}`,
  parent_execution_id: null,
  depth: 0,
  agent: name,
  workflow: null,
  status: 'completed',
  waiting_for: null,
  stop_reason: 'final_answer',
  finish_reason: 'stop',
  tokens_in: '10',
  tokens_out: '5',
  cost: '0.02',
  total_tokens_in: '10',
  total_tokens_out: '5',
  total_cost: '0.02',
  started_at: new Date('2026-01-01T00:00:00Z'),
  completed_at: new Date('2026-01-01T00:00:01.25Z'),
  ...other,
});

test('the tree shows each run’s status, duration and usage, alone and with its descendants', () => {
  const lines = treeLines([
    node('desk', { total_tokens_in: '30', total_cost: '0.03' }),
    node('analyst', {
      depth: 1,
      tokens_in: '20',
      total_tokens_in: '20',
      cost: '0.01',
      total_cost: '0.01',
    }),
    node('free', {
      depth: 1,
      cost: '0',
      total_cost: '0',
      status: 'queued',
      stop_reason: null,
      started_at: null,
      completed_at: null,
    }),
  ]);
  expect(lines).toEqual([
    'desk  completed (final_answer)  1.25 s  15 tokens, 35 in all  cost 0.02, 0.03 in all  id of desk',
    '├─ analyst  completed (final_answer)  1.25 s  25 tokens  cost 0.01  id of analyst',
    '└─ free  queued  15 tokens  id of free',
  ]);
});
