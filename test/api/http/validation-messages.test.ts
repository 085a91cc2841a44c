import { expect, test } from 'vitest';
import { z } from 'zod';
import { zodMessage } from '../../../src/operations/zod-messages.ts';

const said = z.looseObject({ type: z.literal('message').optional(), role: z.enum(['user']) });
const call = z.looseObject({ type: z.literal('function_call'), call_id: z.string() });
const schema = z.object({
  wait: z.union([z.boolean(), z.number().min(0)]).optional(),
  member: z.union([z.string(), z.strictObject({ agent: z.string().optional() })]).optional(),
  input: z.union([z.string(), z.array(z.union([said, call]))]).optional(),
});

test.each([
  [{ wait: '5' }, 'wait', 'expected boolean or number, received string'],
  [{ wait: -1 }, 'wait', '>=0'],
  [{ member: { agnet: 'a' } }, 'member', 'agnet'],
  [{ member: 5 }, 'member', 'expected string or object, received number'],
  [{ input: 5 }, 'input', 'expected string or array, received number'],
  [{ input: [{ role: 'wizard' }] }, 'input.0.role', 'user'],
  [{ input: [{ type: 'function_call' }] }, 'input.0.call_id', 'received undefined'],
  [{ input: [{ type: 'nothing' }] }, 'input.0.type', 'expected message or function_call'],
  [{ input: ['x'] }, 'input.0', 'expected object, received string'],
])('%j is invalid in %s: %s', (value, path, message) => {
  const [issue] = (schema.safeParse(value).error?.issues ?? []).map(zodMessage);
  expect(issue?.path.join('.')).toBe(path);
  expect(issue?.message).toContain(message);
});
