import { expect, test } from 'vitest';
import { loadRehearsal, rehearsalNames } from '../../deploy/rehearsals/support/rehearsal.ts';

test('every file in deploy/rehearsals/ states what it demonstrates and is executable', async () => {
  const names = rehearsalNames();
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) {
    const { title } = await loadRehearsal(name);
    expect(title, name).toMatch(/^\S.{20,}$/);
  }
});
