import { describe, expect, test } from 'vitest';
import { createProviders, findProvider, OPENAI_COMPATIBLE } from '../../src/providers/registry.ts';
import { answerOf, errorOf, modelRef } from './requests.ts';

const providers = createProviders({});
const find = (provider: string, base_url: string | null = null) =>
  findProvider(providers, modelRef({ provider, base_url }));

test('finds every provider by its own name, in any case', () => {
  expect([...providers.keys()]).toEqual(expect.arrayContaining(['openai', 'local', 'scripted']));
  expect(answerOf(find('OpenAI')).name).toBe('openai');
});

describe('the name of an OpenAI-compatible server', () => {
  test.each([...OPENAI_COMPATIBLE])('%s requires a base_url', (name) => {
    expect(answerOf(find(name, 'http://127.0.0.1:11434/v1')).name).toBe('openai');
    expect(errorOf(find(name)).message).toContain('base_url');
  });
});

test.each([
  ['opnai', 'Did you mean "openai"'],
  ['olama', 'Did you mean "ollama"'],
  ['script', 'Did you mean "scripted"'],
])('%s is unknown: %s', (name, hint) => {
  const error = errorOf(find(name, 'http://127.0.0.1/v1'));
  expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
  expect(error.message).toContain(hint);
});

test('an unknown name that resembles no other lists the known names', () => {
  const { message } = errorOf(find('zzzzzzzz'));
  expect(message).not.toContain('Did you mean');
  expect(message).toContain([...providers.keys()].join(', '));
});
