import type { Options } from './options.ts';

export async function playMatrix(
  _options: Options,
  _talk: (line: string) => void,
): Promise<boolean> {
  throw new Error('to be done');
}
