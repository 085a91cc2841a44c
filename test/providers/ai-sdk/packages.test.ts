import { expect, test } from 'vitest';
import { isInstalled, loadPackage } from '../../../src/providers/ai-sdk/packages.ts';

test('an installed package is found and loaded once', async () => {
  expect(isInstalled('@ai-sdk/anthropic')).toBe(true);
  const first = await loadPackage('@ai-sdk/anthropic');
  expect(first).toMatchObject({ ok: true, value: { createAnthropic: expect.any(Function) } });
  expect(await loadPackage('@ai-sdk/anthropic')).toEqual(first);
});

test('a missing package is refused with the command that installs it', async () => {
  expect(isInstalled('@ai-sdk/nowhere')).toBe(false);
  expect(await loadPackage('@ai-sdk/nowhere')).toMatchObject({
    ok: false,
    error: {
      code: 'invalid_request',
      retryable: false,
      message: expect.stringContaining('npm install @ai-sdk/nowhere'),
    },
  });
});

test.each(['./packages.ts', '../vendors.ts', '/etc/passwd', 'file:///etc/passwd', '@ai-sdk', ''])(
  'the path or incomplete name "%s" is no package',
  async (name) => {
    expect(isInstalled(name)).toBe(false);
    expect(await loadPackage(name)).toMatchObject({ ok: false });
  },
);
