import { expect, test } from 'vitest';
import type { ModelRequest } from '../../src/contracts/agents/model.ts';
import { estimateUsage } from '../../src/providers/answers/tokens.ts';

const MEGABYTE = 1024 * 1024;

function tokensOf(part: NonNullable<ModelRequest['messages'][number]['parts']>[number]): number {
  const request = { messages: [{ role: 'user', content: 'look', parts: [part] }], tools: [] };
  const answer = { content: '', tool_calls: [] };
  return estimateUsage(request as unknown as ModelRequest, answer).tokens_in;
}

test('estimates an image or a file by the cost for models, not by its Base64 length', () => {
  const url = `data:image/png;base64,${'A'.repeat(MEGABYTE)}`;
  for (const part of [
    { type: 'image_url', image_url: { url } },
    { type: 'file', file: { filename: 'a.pdf', file_data: url } },
  ]) {
    expect(tokensOf(part)).toBeGreaterThan(1_000);
    expect(tokensOf(part)).toBeLessThan(1_100);
  }
});

test('estimates a text by its bytes, also inside a message', () => {
  expect(tokensOf({ type: 'text', text: 'x'.repeat(MEGABYTE) })).toBeGreaterThan(MEGABYTE / 4);
});
