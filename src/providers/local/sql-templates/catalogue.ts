import { foldedWords } from './vocabulary.ts';

/** A column, with its name as SQL writes it. */
export type Column = {
  name: string;
  words: string[];
  type: string;
  /** The column that a foreign key refers to, as `schema.table.column`. */
  refers_to: string | null;
};

/** A table that an agent may read, with its name as SQL writes it. */
export type Table = { name: string; words: string[]; comment: string[]; columns: Column[] };

const NAME = '(?:"(?:[^"]|"")+"|[^\\s".,:]+)';
const HEADING = new RegExp(`^(${NAME}\\.${NAME})((?: \\([^)]*\\))?(?: — .*)?)$`);
const COLUMN = new RegExp(`^(${NAME}) (.+?)(?: → (.+))?$`);
/** A comma between columns: outside quotes and brackets. */
const BETWEEN_COLUMNS = /, (?=(?:[^"]*"[^"]*")*[^"]*$)(?![^(]*\))/;

/** Reads the tables from the answer of `sql_query` to `describe`. Other lines are skipped. */
export function tablesIn(description: string): Table[] {
  return description.split('\n').flatMap((line) => {
    // a comment may contain the separator, a type cannot
    const at = line.lastIndexOf(': ');
    const [, name, rest = ''] = HEADING.exec(line.slice(0, Math.max(at, 0))) ?? [];
    if (name === undefined) return [];
    const columns = line
      .slice(at + 2)
      .split(BETWEEN_COLUMNS)
      .flatMap(columnOf);
    const comment = foldedWords(rest.split(' — ').slice(1).join(' '));
    const words = foldedWords(tableName(name));
    return [{ name, words, comment, columns }];
  });
}

function columnOf(text: string): Column[] {
  const [, name, type, refers_to = null] = COLUMN.exec(text) ?? [];
  if (name === undefined || type === undefined) return [];
  return [{ name, words: foldedWords(name), type, refers_to }];
}

/** Returns the name without its schema and quotes. */
function tableName(name: string): string {
  return name.match(new RegExp(`${NAME}$`))?.[0] ?? name;
}

/** Returns the name as the catalogue of Postgres has it, without quotes. */
export function bareName(name: string): string {
  return name.replace(/"((?:[^"]|"")+)"/g, (_, inner: string) => inner.replaceAll('""', '"'));
}

export const isNumber = ({ type }: Column): boolean =>
  /^(numeric|decimal|double|real|integer|bigint|smallint|money)/.test(type);
export const isDate = ({ type }: Column): boolean => /^(date$|timestamp)/.test(type);
