import { expect, test } from 'vitest';
import type { ModelRequest } from '../../src/contracts/agents/model.ts';
import { estimateUsage } from '../../src/providers/tokens.ts';

const MEGABYTE = 1024 * 1024;

function tokensOf(part: NonNullable<ModelRequest['messages'][number]['parts']>[number]): number {
  const request = { messages: [{ role: 'user', content: 'look', parts: [part] }], tools: [] };
  const answer = { content: '', tool_calls: [] };
  return estimateUsage(request as unknown as ModelRequest, answer).tokens_in;
}

test('an image or a file is estimated by what models take for it, not by its Base64', () => {
  const url = `data:image/png;base64,${'A'.repeat(MEGABYTE)}`;
  for (const part of [
    { type: 'image_url', image_url: { url } },
    { type: 'file', file: { filename: 'a.pdf', file_data: url } },
  ]) {
    expect(tokensOf(part)).toBeGreaterThan(1_000);
    expect(tokensOf(part)).toBeLessThan(1_100);
  }
});

test('a text is estimated by its bytes, as part of a message too', () => {
  expect(tokensOf({ type: 'text', text: 'x'.repeat(MEGABYTE) })).toBeGreaterThan(MEGABYTE / 4);
});
