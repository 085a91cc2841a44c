import { expect, test } from 'vitest';
import { loadRehearsal, rehearsalNames } from '../rehearsals/support/registry.ts';

test('every file in rehearsals/ says what it shows and can be run', async () => {
  for (const name of rehearsalNames()) {
    const { title } = await loadRehearsal(name);
    expect(title, name).toMatch(/^\S.{20,}$/);
  }
});
