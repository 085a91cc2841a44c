import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { pruneDeclarations } from '../../packaging/prune-declarations.ts';

test('every entry of exports keeps its declarations, and no other file does', () => {
  const dist = mkdtempSync(join(tmpdir(), 'howdah-dist-'));
  onTestFinished(() => rmSync(dist, { recursive: true }));
  const files = {
    'src/index.d.ts': "export type { Howdah } from './start.ts';",
    'src/start.d.ts': 'export type Howdah = object;',
    'src/client/chat-error.d.ts': 'export declare function chatErrorText(error: Error): string;',
    'src/bootstrap.d.ts': 'export {};',
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dist, path)), { recursive: true });
    writeFileSync(join(dist, path), text);
  }
  pruneDeclarations(dist);
  const remaining = Object.keys(files).filter((path) => existsSync(join(dist, path)));
  expect(remaining).toEqual(['src/index.d.ts', 'src/start.d.ts', 'src/client/chat-error.d.ts']);
});
