/** Returns the words after `howdah` in a line of a shell. */
export function wordsOf(line: string): string[] {
  const [, own = ''] = /\bhowdah ((?:'[^']*'|"(?:\\.|[^"\\])*"|[^|<>)])+)/.exec(line) ?? [];
  return [...own.matchAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );
}
