import pg from 'pg';
import { replaceableFiles } from '../../../src/db/schema/replaceable-files.ts';

/**
 * Returns all messages of SQL to users, the content of `sql/messages.txt`. A changed wording shows
 * in the diff of that file, so other tests assert only codes and fields.
 *
 * Each file of `sql/` that raises errors has a section, sorted by SQLSTATE. An error has the texts
 * of its message and hint, and the names in its detail. Angle brackets mark an expression without
 * text. Texts of functions that return a fault or a reason follow as `text`. The last section lists
 * the check constraints: a sentence for each, with its comment as the hint.
 */
export async function sqlMessages(url: string): Promise<string> {
  const sections = replaceableFiles()
    .filter(({ path }) => FILES_WITH_ERRORS.test(path))
    .map(({ path, text }) => [path, ...messagesOf(tokensOf(text))])
    .filter((lines) => lines.length > 1);
  const checks = ['checks', ...(await messagesOfChecks(url))];
  return `${[HEAD, ...sections, checks].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const HEAD = [
  '-- Generated from sql/ and a freshly migrated database by `npm run generate`; never edited.',
];

/** Files with functions that raise errors. The other files hold comments, grants and rows. */
const FILES_WITH_ERRORS = /^sql.(05|10|20|30|65|66|95|96|97)_(?!.*agent_system_schema)/;

type Token = { kind: 'text' | 'word' | 'sign'; value: string };

/** Lists the messages of a file: its errors by SQLSTATE, then its other texts in order. */
function messagesOf(tokens: readonly Token[]): string[] {
  const refusals: string[][] = [];
  const texts: string[] = [];
  for (const statement of statementsOf(tokens)) {
    const raise = statement.findIndex(
      ({ value }, index) =>
        value === 'raise' && /^(exception|warning|using)$/.test(statement[index + 1]?.value ?? ''),
    );
    const start = raise === -1 ? statement.length : raise;
    if (statement[0]?.value !== 'comment') {
      texts.push(...sentencesOf(statement.slice(0, start)));
    }
    if (raise !== -1) {
      refusals.push(refusalOf(statement.slice(raise)));
    }
  }
  const sorted = refusals.map((lines) => lines.join('\n')).sort();
  return [...sorted, ...new Set(texts.map((text) => `  text      ${text.trim()}`))];
}

/** Describes one `raise`: the SQLSTATE or the level, then the message, the detail and the hint. */
function refusalOf(statement: readonly Token[]): string[] {
  const using = statement.findIndex(({ value }) => value === 'using');
  const options = new Map(
    splitOptions(using === -1 ? [] : statement.slice(using + 1)).map((option) => [
      option[0]?.value ?? '',
      option.slice(2),
    ]),
  );
  const format = statement[2]?.kind === 'text' ? [statement[2]] : undefined;
  const errcode = options.get('errcode');
  const unnamed = errcode ? `<${plain(errcode)}>` : (statement[1]?.value ?? '');
  const message = options.get('message') ?? format;
  const fields: [string, readonly Token[] | undefined][] = [
    ['message', message],
    ['detail', options.get('detail')],
    ['hint', options.get('hint')],
  ];
  return [
    `  ${textsOf(errcode ?? []).join(' or ') || unnamed}`,
    ...fields.flatMap(([name, expression]) => {
      if (expression === undefined) {
        return [];
      }
      const texts = textsOf(expression);
      const words = texts.filter((text) => /\p{L}/u.test(text) && text.includes(' '));
      const lines =
        name === 'detail' ? [texts.join(', ')] : words.length > 0 ? words : [texts.join(' ')];
      return lines.map((line) => `    ${name.padEnd(8)}${line.trim() || `<${plain(expression)}>`}`);
    }),
  ];
}

/** Splits the options of `raise … using` at their commas. */
function splitOptions(tokens: readonly Token[]): Token[][] {
  const options: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === 'sign') {
      depth += '(['.includes(token.value) ? 1 : 0;
      depth -= ')]'.includes(token.value) ? 1 : 0;
    }
    if (depth === 0 && token.kind === 'sign' && token.value === ',') {
      options.push([]);
    } else {
      options.at(-1)?.push(token);
    }
  }
  return options;
}

/** Returns the texts of an expression, without those that are only compared or looked up. */
function textsOf(expression: readonly Token[]): string[] {
  return expression
    .filter(({ kind }, index) => kind === 'text' && !isOperand(expression, index))
    .map(({ value }) => oneLine(value));
}

/** Returns the parts that are prose. SQL, JSON and patterns are omitted. */
function sentencesOf(statement: readonly Token[]): string[] {
  return textsOf(statement).filter(
    (text) => /\p{L}\S* \S*[\p{L}%]|%\S+ \p{L}/u.test(text) && !NO_SENTENCE.test(text),
  );
}

const NO_SENTENCE =
  /^([{($^\\:]|\d|%(?![sLI\d])|(select|insert|update|delete|create|alter|drop|grant|revoke|set|with|lock|truncate|comment|analyze|explain|table|routine|function|old table|new table)\b)|\$\w|%I\b|YYYY|\bn\.%I|\[A-Za-z|\w = \d|=""|then array\[/;

function isOperand(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.value ?? '';
  return /^(=|<>|->|->>|#>|#>>|~|\?|when|like|ilike)$/.test(before);
}

function statementsOf(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'sign' && token.value === ';') {
      statements.push([]);
    } else {
      statements.at(-1)?.push(token);
    }
  }
  return statements;
}

const LEXEMES =
  /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|\$h\$[\s\S]*?\$h\$|\$[a-z_]*\$|[Ee]?'(?:[^']|'')*'|"[^"]*"|\w+|->>|->|#>>|#>|<>|:=|\|\||::|[\s\S]/g;

/** Splits SQL into tokens. A body in dollar quotes is split as well; `$h$ … $h$` is a string. */
function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  for (const [lexeme] of source.matchAll(LEXEMES)) {
    if (/^(\s|--|\/\*|\$\w*\$$)/.test(lexeme)) {
      continue;
    }
    const last = tokens.at(-1);
    if (!/^([Ee]?'|\$h\$)/.test(lexeme)) {
      tokens.push({ kind: /^[\w"]/.test(lexeme) ? 'word' : 'sign', value: lexeme });
    } else if (last?.kind === 'text') {
      last.value += unquoted(lexeme); // a text that continues on the next line
    } else {
      tokens.push({ kind: 'text', value: unquoted(lexeme) });
    }
  }
  return tokens;
}

function unquoted(lexeme: string): string {
  return lexeme.startsWith('$')
    ? lexeme.slice(3, -3)
    : lexeme.replace(/^[Ee]?'|'$/g, '').replaceAll("''", "'");
}

function plain(tokens: readonly Token[]): string {
  return tokens
    .map(({ value }) => value)
    .join(' ')
    .replace(/ ?([.()[\],]|::) ?/g, '$1');
}

function oneLine(text: string): string {
  return text.replaceAll('\n', '\\n');
}

async function messagesOfChecks(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; message: string; hint: string }>(
      `select coalesce(r.relname, t.typname) || '.' || c.conname as name,
         howdah_private.constraint_sentence(c.conname, coalesce((
           select jsonb_agg(a.attname) from pg_attribute as a
           where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
         ), '[]')) as message, obj_description(c.oid, 'pg_constraint') as hint
       from pg_constraint as c
       left join pg_class as r on r.oid = c.conrelid
       left join pg_type as t on t.oid = c.contypid
       where c.contype = 'c' and c.connamespace = 'howdah'::regnamespace and c.conparentid = 0
         and r.relispartition is not true`,
    );
    rows.sort((a, b) => (a.name < b.name ? -1 : 1));
    return rows.flatMap(({ name, message, hint }) => [
      `  ${name}`,
      `    message ${message}`,
      `    hint    ${oneLine(hint)}`,
    ]);
  } finally {
    await client.end();
  }
}
