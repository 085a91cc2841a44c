import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type OpenAiFixture, openOpenAiFixture } from './support.ts';

const PAGE = readFileSync(
  fileURLToPath(new URL('../../../docs/openai.md', import.meta.url)),
  'utf8',
);
const EXAMPLE = /^```ts\nimport OpenAI from 'openai';\n([\s\S]*?)^```/m.exec(PAGE)?.[1] ?? '';
const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<void>;

let fixture: OpenAiFixture;
beforeAll(async () => {
  fixture = await openOpenAiFixture();
});
afterAll(() => fixture?.close());

test('the example of docs/openai.md prints the answer of the agent', async () => {
  const helper = await fixture.agent((_request, messages) => ({
    content: messages.length > 2 ? 'Your name is Ada.' : 'I can count.',
  }));
  await fixture.db.pool.query(
    `update howdah.agents set instruction = $1 where name = 'development'`,
    [`I am ${helper}.`],
  );
  const printed: string[] = [];
  const process = { env: {}, stdout: { write: (text: string) => printed.push(text) } };
  const console = { log: vi.fn() };
  const code = EXAMPLE.replace('http://127.0.0.1:8000', fixture.api.url);
  await new AsyncFunction('OpenAI', 'process', 'console', code)(OpenAI, process, console);
  expect(printed.join('')).toBe('I can count.');
  expect(console.log).toHaveBeenCalledWith('Your name is Ada.');
});
